"""The demo's three projects, each to try something else with. A later run finds them as the first has made them."""

import argparse
import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

from harness.aws import CREDENTIALS, LocalAWS
from harness.label_studio import LabelStudio
from harness.processes import ProgramError
from harness.protocol import newest_prediction
from harness.waiting import wait_until
from transcribe_backend.commands import connect
from transcribe_backend.labeling.templates import SEGMENTS, SPEECH_RECOGNITION

BUCKET = "demo-audio"
_PATIENCE = 600.0  # seconds for all recordings; two idle cores need half a minute
_TO_CONFIRM = 4


@dataclass(frozen=True)
class Plan:
    """A project: its title, its labeling config, the folder of its recordings and what is said in each."""

    title: str
    config: str
    folder: str
    texts: Mapping[str, str]
    interactive: bool = False


def plans(samples: Mapping[str, str], names: Mapping[str, str]) -> tuple[Plan, Plan, Plan]:
    """Whole texts, segments, and names that the recogniser has never heard."""
    long = {name: text for name, text in samples.items() if name.startswith("sense_")}
    return (
        Plan("Speech samples", SPEECH_RECOGNITION, "samples", samples),
        Plan("Segments", SEGMENTS, "samples", long, interactive=True),
        Plan("Names to learn", SPEECH_RECOGNITION, "names", names),
    )


class Projects:
    """Makes them in `studio`, connected to the backend at `url`; raises ProgramError."""

    def __init__(self, studio: LabelStudio, aws: LocalAWS, url: str) -> None:
        self._studio = studio
        self._aws = aws
        self._url = url

    def make(self, plan: Plan) -> int:
        """The project's number: storage, connected backend, one task per recording."""
        project = self._studio.project_named(plan.title) or self._studio.create_project(plan.title, plan.config)
        self._studio.set_storage(project, BUCKET, self._aws.url, CREDENTIALS)
        self._connect(project, interactive=plan.interactive)
        imported = {task["data"].get("file") for task in self._studio.tasks(project)}
        missing = [name for name in plan.texts if name not in imported]
        if missing:
            uris = [{"audio": f"s3://{BUCKET}/{plan.folder}/{name}", "file": name} for name in missing]
            self._studio.import_tasks(project, uris)
        return project

    def transcribed(self, project: int, plan: Plan) -> list[dict[str, Any]]:
        """The tasks, retrieved again until every recording has a prediction; raises TimeoutError."""

        def predicted() -> list[dict[str, Any]] | None:
            self._studio.retrieve_predictions(project)
            tasks = [task for task in self._studio.tasks(project) if task["data"].get("file") in plan.texts]
            return tasks if all(newest_prediction(task) for task in tasks) else None

        return wait_until(predicted, _PATIENCE, "all recordings are transcribed", interval=2)

    def correct(self, tasks: Sequence[Mapping[str, Any]], plan: Plan) -> None:
        """As a colleague has: most tasks are annotated, and a few are left with the right text to be confirmed."""
        if any(task["annotations"] for task in tasks):
            return
        for number, task in enumerate(tasks):
            result = [_text(plan.texts[task["data"]["file"]])]
            if number % (len(tasks) // _TO_CONFIRM):
                self._studio.call("POST", f"/api/tasks/{task['id']}/annotations", json={"result": result})
            else:
                corrected = {"task": task["id"], "result": result, "model_version": "corrected"}
                self._studio.call("POST", "/api/predictions/", json=corrected)

    def _connect(self, project: int, *, interactive: bool) -> None:
        """As a user would, by the command line; a connection that an earlier run made on another port must go first."""
        for connected in self._studio.backends(project):
            if connected["url"] != self._url:
                self._studio.call("DELETE", f"/api/ml/{connected['id']}")
        flags = ["--project", str(project), "--backend-url", self._url, *(["--interactive"] if interactive else [])]
        with redirect_stdout(io.StringIO()):  # what it says of one project is printed for all of them at the end
            status = connect.run(self._arguments(flags))
        if status:
            raise ProgramError("The backend could not be connected.")

    def _arguments(self, flags: Sequence[str]) -> argparse.Namespace:
        parser = argparse.ArgumentParser()
        connect.add_arguments(parser)
        return parser.parse_args(["--url", self._studio.url, "--api-key", self._studio.account.token, *flags])


def _text(text: str) -> dict[str, Any]:
    value = {"text": [text]}
    return {"from_name": "transcription", "to_name": "audio", "type": "textarea", "value": value}
