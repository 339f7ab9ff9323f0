"""What the buttons of /status do."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from transcribe_backend.backend import Backend
from transcribe_backend.errors import RequestError, VocabularyError
from transcribe_backend.web.lessons import Lessons

_log = logging.getLogger(__name__)


class Actions:
    """Each returns what it has done, in a sentence; raises RequestError for what the page never sends, QueueError and
    AWSError.
    """

    def __init__(self, backend: Backend, lessons: Lessons) -> None:
        self._backend = backend
        self._lessons = lessons
        self._known: dict[str, Callable[[Mapping[str, Any]], str]] = {
            "retry": self._retry,
            "forget": self._forget,
            "approve": self._approve,
            "reject": self._reject,
        }

    def do(self, action: str, body: Mapping[str, Any]) -> str:
        """Do what a button says."""
        if action not in self._known:
            raise RequestError("There is no such button.")
        done = self._known[action](body)
        _log.info("/status: %s", done)
        return done

    def _retry(self, body: Mapping[str, Any]) -> str:
        cause = _text(body, "cause")
        count = self._backend.retries.again(cause) + self._backend.work.hurry(cause)
        self._backend.engine.wake()
        return f"{_tasks(count)} tried again."

    def _forget(self, body: Mapping[str, Any]) -> str:
        return f"{_tasks(self._backend.work.drop(_text(body, 'cause')))} forgotten."

    def _approve(self, body: Mapping[str, Any]) -> str:
        project, language, name = self._version(body)
        self._backend.vocabularies.promote(name)
        self._backend.learnt.remember(project, language, name)
        self._lessons.forget(project)
        return f"{name} is in use."

    def _reject(self, body: Mapping[str, Any]) -> str:
        project, _, name = self._version(body)
        self._backend.vocabularies.reject(name)
        self._lessons.forget(project)
        return f"{name} is not used."

    def _version(self, body: Mapping[str, Any]) -> tuple[str, str, str]:
        """Project, language and name of a version; raises VocabularyError when it does not wait for a decision (any
        more).
        """
        project, language, name = (_text(body, field) for field in ("project", "language", "vocabulary"))
        if self._backend.vocabularies.waiting(project, language) != name:
            raise VocabularyError(f"{name} does not wait for a decision.", remedy="Reload the page.")
        return project, language, name


def _text(body: Mapping[str, Any], field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not value:
        raise RequestError(f"{field} must be a text.")
    return value


def _tasks(count: int) -> str:
    return "1 task is" if count == 1 else f"{count:,} tasks are"
