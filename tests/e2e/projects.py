"""Projects whose tasks are pre-labeled by the time an annotator comes."""

from collections.abc import Mapping
from typing import Any

from demo import programs
from demo.processes import wait_until
from demo.studio import LabelStudio
from tests.e2e.parts import BUCKET, ROOT, Server

_TEMPLATES = ROOT / "tests" / "unit" / "labeling" / "templates"


def template(name: str) -> str:
    """A stock template of Label Studio."""
    return (_TEMPLATES / f"{name}.xml").read_text()


def connected(studio: LabelStudio, stand_in: Server, backend: Server, title: str, label_config: str) -> int:
    """A project with the samples' bucket, connected to the backend with Auto-Annotation allowed."""
    project = studio.create_project(title, label_config)
    studio.set_storage(project, BUCKET, stand_in.url, programs.CREDENTIALS)
    studio.connect_backend(project, backend.url, is_interactive=True)
    return project


def upload(stand_in: Server, recordings: Mapping[str, bytes]) -> None:
    """Put recordings beside the samples."""
    s3 = programs.s3_client(stand_in.url)
    for name, content in recordings.items():
        s3.put_object(Bucket=BUCKET, Key=name, Body=content)


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
