"""The model that Label Studio connects to: audio tasks in, transcripts as predictions out."""

from collections.abc import Mapping, Sequence
from typing import Any

from transcribe_backend.backend import Backend, backend
from transcribe_backend.labeling.regions import wanted
from transcribe_backend.prelabeling.answers import Task
from transcribe_backend.prelabeling.predictions import Prediction
from transcribe_backend.prelabeling.project import Project
from transcribe_backend.web import hosts


class AWSTranscribe(hosts.LabelStudioMLBase):  # type: ignore[misc]
    """Pre-labels audio with AWS Transcribe; made anew for each request, all state is in the backend.

    `project_id` is Label Studio's `<id>.<created>`, or the bare number; `label_config` the project's labeling config.
    Our own server hosts it, which gives it the `running` backend, and so do the SDK's 1.0.9 and 2.x (web/hosts.py).
    """

    TRAIN_EVENTS = hosts.EVENTS

    def __init__(
        self,
        project_id: str | None = None,
        label_config: str | None = None,
        *,
        running: Backend | None = None,
        **kwargs: Any,
    ) -> None:
        # Not super().__init__(): 1.0.9's parses the config unguarded, that of 2.x writes it down for each request.
        self._backend = running or backend()
        self.project_id = project_id or ""
        self._label_config = label_config or ""
        if running is None:
            hosts.serve(self._backend, self.connect)

    def connect(self) -> str:
        """The model_version, once config, credentials, bucket and what the config names are found right; raises what is
        wrong.

        The tasks of a project that is new are transcribed ahead, PREFETCH_MAX_TASKS at most.
        """
        asked = self._backend.projects.interface(self._asked()[1]).recognition
        self._backend.diagnosis.check(asked)
        project = self._project()
        self._backend.versions.add(project)
        self._backend.imports.connected(project)
        return project.version

    @hosts.tell
    def predict(
        self, tasks: Sequence[Task], context: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[Prediction | list[Prediction]]:
        """One item per task, in order: its prediction, several with model_alternatives, `[]` when not ready.

        With a `context` (the annotator's regions) the words of those that have no text yet.
        """
        if context and not wanted(self._backend.projects.interface(self._asked()[1]), context):
            return [{"result": []} for _ in tasks]
        project = self._project(tasks)
        if context:
            return [self._backend.answers.interactive(task, project, context) for task in tasks]
        slots = self._backend.answers.answer(tasks, project)
        return [slot[0] if len(slot) == 1 else list(slot) for slot in slots]

    @hosts.tell
    def fit(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """An event of Label Studio: queued and learnt from in the background.

        The 2.x SDK calls `fit(event, data)`, 1.0.9 `fit((), event=…, data=…)`.
        """
        self._backend.notice(*hosts.event(*args, **kwargs))
        return {}

    def _project(self, tasks: Sequence[Task] = ()) -> Project:
        """The project with its labeling interface; raises LabelingConfigError."""
        number, label_config = self._asked()
        number = number or (str(tasks[0].get("project") or "") if tasks else "")
        return self._backend.projects.read(self._backend.live.whole_id(number), label_config)

    def _asked(self) -> tuple[str, str]:
        """Project and labeling config: as Label Studio's request has them, or as they were given."""
        return hosts.asked() or (self.project_id, self._label_config)
