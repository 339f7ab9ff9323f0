"""An assumption about AWS: a sentence, what is expected, who relies on it, and the test that sees whether it holds."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from botocore.exceptions import ClientError

from contract.account import Account, Stopped

_DENIED = ("AccessDenied", "UnauthorizedOperation", "OptInRequired", "SubscriptionRequired", "UnrecognizedClient")


class Verdict(Enum):
    """What has become of an assumption."""

    HOLDS = "holds"
    DIFFERS = "DIFFERS"
    NOT_SEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a test saw, in words for the report, and whether it is what was expected."""

    text: str
    holds: bool


class NotToldError(Exception):
    """This AWS does not tell: a permission is missing, or the service is not there."""


Test = Callable[[Account], Seen]
_Test = TypeVar("_Test", bound=Test)


@dataclass(frozen=True, slots=True)
class Assumption:
    """`module` of transcribe_backend relies on it; its test transcribes `audio` seconds in `jobs` jobs."""

    sentence: str
    expected: str
    module: str
    test: Test
    audio: float = 0.0
    jobs: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """An assumption, and what was seen."""

    assumption: Assumption
    verdict: Verdict
    seen: str


ALL: list[Assumption] = []
"""In the order in which they are reported."""


def assume(
    sentence: str, expected: str, module: str, *, audio: float = 0.0, jobs: int | None = None
) -> Callable[[_Test], _Test]:
    """Make a function the test of an assumption."""

    def register(test: _Test) -> _Test:
        count = (1 if audio else 0) if jobs is None else jobs
        ALL.append(Assumption(sentence, expected, module, test, audio, count))
        return test

    return register


def find(assumption: Assumption, account: Account) -> Finding:
    """Run its test; raises Stopped when the run is being ended."""
    try:
        seen = assumption.test(account)
    except Stopped:
        raise
    except NotToldError as error:
        return Finding(assumption, Verdict.NOT_SEEN, str(error))
    except ClientError as error:
        code = str(error.response["Error"].get("Code", ""))
        verdict = Verdict.NOT_SEEN if code.startswith(_DENIED) else Verdict.DIFFERS
        return Finding(assumption, verdict, f"{code}: {error.response['Error'].get('Message', '')}")
    except Exception as error:  # a document of another shape is a finding, too
        return Finding(assumption, Verdict.DIFFERS, f"{type(error).__name__}: {error}")
    return Finding(assumption, Verdict.HOLDS if seen.holds else Verdict.DIFFERS, seen.text)
