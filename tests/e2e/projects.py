"""Projects whose tasks are pre-labeled by the time an annotator comes."""

from collections.abc import Mapping
from typing import Any

from harness import ROOT
from harness.aws import CREDENTIALS, LocalAWS
from harness.backend import Server
from harness.label_studio import LabelStudio
from harness.waiting import wait_until

BUCKET = "e2e-audio"
"""Where the samples and the recordings of the tests lie."""
_TEMPLATES = ROOT / "tests" / "unit" / "labeling" / "templates"


def template(name: str) -> str:
    """A stock template of Label Studio."""
    return (_TEMPLATES / f"{name}.xml").read_text()


def connected(studio: LabelStudio, stand_in: LocalAWS, backend: Server, title: str, label_config: str) -> int:
    """A project with the samples' bucket, connected to the backend with Auto-Annotation allowed."""
    project = studio.create_project(title, label_config)
    studio.set_storage(project, BUCKET, stand_in.url, CREDENTIALS)
    studio.connect_backend(project, backend.url, is_interactive=True)
    return project


def upload(stand_in: LocalAWS, recordings: Mapping[str, bytes]) -> None:
    """Put recordings beside the samples."""
    for name, content in recordings.items():
        stand_in.s3.put_object(Bucket=BUCKET, Key=name, Body=content)


def prelabeled(studio: LabelStudio, project: int, *names: str) -> list[dict[str, Any]]:
    """Import recordings of the bucket and retrieve predictions; their tasks, once all have some."""
    studio.import_tasks(project, [{"audio": f"s3://{BUCKET}/{name}"} for name in names])
    studio.retrieve_predictions(project)
    return predicted(studio, project)


def predicted(studio: LabelStudio, project: int) -> list[dict[str, Any]]:
    """The tasks of a project, once all have predictions."""

    def tasks() -> list[dict[str, Any]] | None:
        tasks = studio.tasks(project)
        return tasks if all(task["predictions"] for task in tasks) else None

    return wait_until(tasks, 60, "all tasks have predictions")
