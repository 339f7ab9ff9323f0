"""Custom language models: made, trained at once, and named by jobs. They change nothing of what is recognized."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_aws.tags import Tags

IN_PROGRESS, COMPLETED = "IN_PROGRESS", "COMPLETED"


@dataclass(eq=False, slots=True)
class LanguageModel:
    """What was asked for in CreateLanguageModel, and its state."""

    request: Mapping[str, Any]
    created_at: float
    tags: Tags = field(default_factory=dict)
    state: str = IN_PROGRESS

    @property
    def name(self) -> str:
        """Its ModelName."""
        return str(self.request["ModelName"])

    def train(self) -> None:
        """COMPLETED."""
        self.state = COMPLETED

    def created(self) -> dict[str, Any]:
        """The reply of CreateLanguageModel."""
        asked = ("ModelName", "LanguageCode", "BaseModelName", "InputDataConfig")
        return {**{name: self.request[name] for name in asked}, "ModelStatus": self.state}

    def info(self) -> dict[str, Any]:
        """The LanguageModel of all other replies."""
        return {**self.created(), "CreateTime": self.created_at, "LastModifiedTime": self.created_at}
