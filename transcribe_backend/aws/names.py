"""What a labeling config names in the AWS account: is it there, ready, and of the language of the audio?

AWS applies what is of another language to nothing, and tells nobody (docs/aws.md); so this is asked when a project
connects, one name at a time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from transcribe_backend.aws.clients import AWSClients, aws_errors, error_code
from transcribe_backend.errors import RecognitionError
from transcribe_backend.speech.recognition import Recognition
from transcribe_backend.speech.wording import quoted

if TYPE_CHECKING:
    from types_boto3_transcribe import TranscribeServiceClient

_NOT_FOUND = frozenset({"NotFoundException", "BadRequestException"})


@dataclass(frozen=True, slots=True)
class Name:
    """A name that stands in an attribute of the Audio tag, and the languages that the audio may have."""

    attribute: str
    name: str
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """What AWS says of it; `state` is "" where such things have none."""

    language: str
    state: str = ""
    failure: str = ""


def names(wish: Recognition) -> Iterator[Name]:
    """Everything that these options name."""
    spoken = wish.languages if wish.identifies else (wish.language,)
    for attribute in _KINDS:
        name = getattr(wish, attribute.removeprefix("model_"))
        if name:
            yield Name(attribute, name, spoken)


class Names:
    """Looks names up in `region()`, where the jobs run.

    With `elsewhere` jobs run where their audio lies, which may be another region: what is missing is then no mistake.
    """

    def __init__(self, clients: AWSClients, region: Callable[[], str], *, elsewhere: bool) -> None:
        self._clients = clients
        self._region = region
        self._elsewhere = elsewhere

    def check(self, named: Name) -> None:
        """Raises RecognitionError for what a job could not use, AWSError when AWS does not tell."""
        noun, ready, look = _KINDS[named.attribute]
        what = f"{noun} {quoted(named.name)}"
        region = self._region()
        found = self._found(what, named.name, look, region)
        if found is not None:
            _check_language(named, what, found.language)
            _check_state(what, found, ready)
        elif not self._elsewhere:
            raise RecognitionError(
                f"AWS Transcribe has no {what} in {region}.",
                remedy=f"Create it there, or correct {named.attribute}.",
            )

    def _found(self, what: str, name: str, look: "_Look", region: str) -> _Found | None:
        with aws_errors(f"look at the {what}"):
            try:
                return look(self._clients.transcribe(region or None), name)
            except ClientError as error:
                if error_code(error) in _NOT_FOUND:
                    return None
                raise


def _check_language(named: Name, what: str, language: str) -> None:
    if language in named.languages:
        return
    spoken = " or ".join(named.languages)
    fits = f"Add {language} to model_languages" if len(named.languages) > 1 else f'Set model_language="{language}"'
    raise RecognitionError(
        f"The {what} is for {language}, the audio is {spoken}.",
        remedy=f"{fits}, or name a {_KINDS[named.attribute][0]} for {spoken} in {named.attribute}.",
    )


def _check_state(what: str, found: _Found, ready: str) -> None:
    if found.state == ready:
        return
    raise RecognitionError(
        f"The {what} is {found.state}, not {ready}{f': {found.failure}' if found.failure else ''}.",
        remedy="Create it again." if found.state == "FAILED" else f"Connect again when it is {ready}.",
    )


_Look = Callable[["TranscribeServiceClient", str], _Found]


def _vocabulary(client: "TranscribeServiceClient", name: str) -> _Found:
    answer = client.get_vocabulary(VocabularyName=name)
    return _Found(answer["LanguageCode"], answer["VocabularyState"], _reason(answer))


def _filter(client: "TranscribeServiceClient", name: str) -> _Found:
    return _Found(client.get_vocabulary_filter(VocabularyFilterName=name)["LanguageCode"])


def _model(client: "TranscribeServiceClient", name: str) -> _Found:
    answer = client.describe_language_model(ModelName=name)["LanguageModel"]
    return _Found(answer["LanguageCode"], answer["ModelStatus"], _reason(answer))


def _reason(answer: Any) -> str:
    return str(answer.get("FailureReason", "")).rstrip(".")


_KINDS: dict[str, tuple[str, str, _Look]] = {
    "model_vocabulary": ("custom vocabulary", "READY", _vocabulary),
    "model_vocabulary_filter": ("vocabulary filter", "", _filter),
    "model_language_model": ("custom language model", "COMPLETED", _model),
}
