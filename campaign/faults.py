"""What goes wrong around the backend. Each fault is injected, proves that it fired, and is healed."""

import random
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import requests

from campaign.site import WEST, Machine, Replica, Site
from harness.processes import ProgramError
from harness.protocol import SEGMENTS
from harness.waiting import wait_until

FIRST_RELEASE = Path(__file__).with_name("release-0.1.0.tar.gz")
"""MODEL_DIR of a server of 0.1.0 that was killed at work: its queue, six records of late predictions, transcripts."""


_LONGER, _PROVOKE_SECONDS = 120.0, 15.0


class Fault:
    """One thing that goes wrong for `seconds`; its docstring says what.

    `allows` names which answers of 5xx are right meanwhile: "/setup" where AWS or Label Studio cannot be used, "all".
    """

    seconds: ClassVar[float] = 60.0
    allows: ClassVar[str] = ""

    def __init__(self, site: Site, dice: random.Random) -> None:
        self.site, self.dice = site, dice

    @classmethod
    def name(cls) -> str:
        """As it is chosen on the command line."""
        return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in cls.__name__).lstrip("-")

    def possible(self) -> str:
        """Why it cannot be injected on this machine, "" when it can."""
        return ""

    def inject(self) -> None:
        """Let it go wrong."""

    def inject_again(self) -> None:
        """It has not struck: on a slow machine there may have been nothing yet that it could strike."""

    def heal(self) -> None:
        """Put it right again."""

    def fired(self) -> int:
        """How often it was seen to strike."""
        raise NotImplementedError


class _Told(Fault):
    """A fault that struck when the backend says so in its log."""

    words: ClassVar[tuple[str, ...]]
    _before = 0

    def inject(self) -> None:
        self._before = self._told()

    def fired(self) -> int:
        return self._told() - self._before

    def _told(self) -> int:
        return sum(map(self.site.told, self.words))


class _Weather(Fault):
    """A nasty side of AWS, which counts by itself how often it struck."""

    sides: ClassVar[dict[str, Any]]
    counted: ClassVar[tuple[str, ...]]
    _before = 0

    def inject(self) -> None:
        self._before = self._struck()
        self.site.aws.switch(**self.sides)

    def heal(self) -> None:
        self.site.aws.switch(nasty=True)

    def fired(self) -> int:
        return self._struck() - self._before

    def _struck(self) -> int:
        return sum(map(self.site.aws.fired, self.counted))


class Kill(Fault):
    """kill -9 of any process of the backend, again and again; it is started again at once."""

    seconds = float("inf")
    between: tuple[float, float] = (3.0, 9.0)

    def __init__(self, site: Site, dice: random.Random) -> None:
        super().__init__(site, dice)
        self._ended = threading.Event()
        self._killer = threading.Thread(target=self._kill_all)
        self._kills = 0

    def inject(self) -> None:
        self._killer.start()

    def heal(self) -> None:
        self._ended.set()
        self._killer.join()

    def fired(self) -> int:
        return self._kills

    def _kill_all(self) -> None:
        while not self._ended.wait(self.dice.uniform(*self.between)):
            ends = self.site.diary.begins("process away")
            with suppress(ProgramError):
                self._kills += self.dice.choice(self.site.replicas).kill()
            ends()


class StoreAway(_Told):
    """PostgreSQL stops, and does not come back for a minute."""

    allows, words = "all", ("The store of owed work does not answer",)

    def inject(self) -> None:
        super().inject()
        self.site.store.server.down()

    def heal(self) -> None:
        self.site.store.server.up()


class StoreRestarts(Fault):
    """PostgreSQL is restarted, three times."""

    allows, seconds = "all", 30.0
    _restarts = 0

    def inject(self) -> None:
        for _ in range(3):
            before = self._begun()
            self.site.store.server.up()
            self._restarts += self._begun() != before

    def fired(self) -> int:
        return self._restarts

    def _begun(self) -> Any:
        return self.site.store.rows("select pg_postmaster_start_time()")[0][0]


class StudioAway(_Told):
    """Label Studio is killed, and does not come back for a minute."""

    allows, words = "/setup", ("Label Studio does not answer",)

    def inject(self) -> None:
        super().inject()
        server = self.site.studio_server.runs
        if server is not None:
            server.program.kill()

    def heal(self) -> None:
        self.site.studio_server.up()


class AwsThrottles(_Weather):
    """AWS Transcribe accepts one request a second of each kind."""

    allows = "/setup"
    sides: ClassVar = {"start_tps": 1, "get_tps": 1, "list_tps": 1}
    counted = ("start_tps", "get_tps", "list_tps")


class AwsFails(_Weather):
    """AWS Transcribe answers half of all requests with an internal error."""

    allows = "/setup"
    sides: ClassVar = {"error_rate": 0.5}
    counted = ("error_rate",)


class CredentialsExpire(_Weather):
    """AWS calls all credentials expired, for two minutes."""

    allows, seconds = "/setup", 120.0
    sides: ClassVar = {"expired_credentials": True}
    counted = ("expired_credentials",)


class RegionHangs(_Weather):
    """A region in which some of the audio lies does not answer."""

    sides: ClassVar = {"hang_region": [WEST]}
    counted = ("hang_region",)


class AwsHangs(_Weather):
    """The backend's own region does not answer."""

    allows = "/setup"
    sides: ClassVar = {"hang_region": ["us-east-1"]}
    counted = ("hang_region",)


class DiskFull(_Told):
    """The disk of one machine has no byte left."""

    words = ("No space left", "nearly full", "database or disk is full")

    def possible(self) -> str:
        return "" if self._machine.limited else "only root can mount a small disk"

    @property
    def _machine(self) -> Machine:
        return self.site.machines[0]

    @property
    def _ballast(self) -> Path:
        return self._machine.disk / "ballast"

    def inject(self) -> None:
        super().inject()
        with suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def heal(self) -> None:
        self._ballast.unlink()


class ClockJumps(_Weather):
    """The clock of one machine jumps an hour ahead, then an hour back."""

    allows = "/setup"
    sides: ClassVar = {"clock_skew": 0.001}  # it looks at signatures' times
    counted = ("clock_skew",)
    _back: threading.Timer | None = None

    def possible(self) -> str:
        return "" if self._clock.read_text() else "libfaketime is not installed (apt-get install libfaketime)"

    @property
    def _clock(self) -> Path:
        return self.site.machines[0].clock

    def inject(self) -> None:
        super().inject()
        self._clock.write_text("+3600")
        self._back = threading.Timer(self.seconds / 2, self._clock.write_text, ["-3600"])
        self._back.start()

    def heal(self) -> None:
        if self._back:
            self._back.cancel()
            self._back.join()
        self._clock.write_text("+0")
        super().heal()


class FilesRot(_Told):
    """Every file in the cache of a machine is damaged; its processes restart, and a new config needs all of them."""

    words = ("is damaged or gone",)
    seconds = 45.0
    _rotten = 0

    def inject(self) -> None:
        super().inject()
        self.inject_again()

    def inject_again(self) -> None:
        machine = self.site.machines[1]
        with suppress(TimeoutError):
            wait_until(lambda: any(machine.disk.rglob("*.json.gz")), 60.0, "something is kept there")
        for path in sorted(machine.disk.rglob("*.json.gz")):
            with suppress(FileNotFoundError):
                content = path.read_bytes()
                path.write_bytes(self.dice.choice((b"", content[: len(content) // 2], self.dice.randbytes(200))))
                self._rotten += 1
        _restart(self.site, machine.replicas)  # what they have in memory is sound
        config = SEGMENTS.replace("Noise", f"Noise {self.dice.randrange(1000)}")
        self.site.studio.call("PATCH", f"/api/projects/{self.site.project}", json={"label_config": config})
        with suppress(ProgramError, requests.RequestException):
            self.site.studio.retrieve_predictions(self.site.project)

    def fired(self) -> int:
        return min(self._rotten, super().fired())


class VocabularyDeleted(Fault):
    """Somebody deletes, in AWS, the custom vocabulary in use."""

    _deleted = 0

    def inject(self) -> None:
        mine = f"ls-p{self.site.project}-"
        made = self.site.command("vocabulary", "pin", "--project", str(self.site.project), "Penmaenmawr")
        listed = self.site.aws.transcribe.list_vocabularies(NameContains=mine, StateEquals="READY", MaxResults=100)
        for each in listed["Vocabularies"] if made.returncode == 0 else ():
            self.site.aws.transcribe.delete_vocabulary(VocabularyName=each["VocabularyName"])
            self._deleted += 1

    def fired(self) -> int:
        return self._deleted


class TokenRotated(_Told):
    """Label Studio's token is reset; a while later the operator gives the backend the new one and restarts it."""

    words = ("refuses the legacy token",)

    def inject(self) -> None:
        super().inject()
        self.site.studio.rotate_token()

    def heal(self) -> None:
        self.site.settings["LABEL_STUDIO_API_KEY"] = self.site.studio.account.token
        _restart(self.site, self.site.replicas)


class Upgrade(Fault):
    """One machine has the data of 0.1.0, killed at work; its processes are replaced by today's, one after the other."""

    _found = 0

    def inject(self) -> None:
        machine = self.site.machines[1]
        with tarfile.open(FIRST_RELEASE) as archive:
            archive.extractall(machine.disk, filter="data")
        self._found = (machine.disk / "queue.db").exists()
        _restart(self.site, machine.replicas)

    def fired(self) -> int:
        return int(self._found)


def _restart(site: Site, replicas: list[Replica]) -> None:
    for replica in replicas:
        ends = site.diary.begins("process away")
        with suppress(ProgramError):
            replica.up()
        ends()


FAULTS = {
    each.name(): each
    for each in (
        Kill, StoreAway, StoreRestarts, StudioAway, AwsThrottles, AwsFails, CredentialsExpire, RegionHangs, AwsHangs,
        DiskFull, ClockJumps, FilesRot, VocabularyDeleted, TokenRotated, Upgrade,
    )
}  # fmt: skip


def plan(names: list[str], seconds: float, dice: random.Random) -> Iterator[tuple[str, float, float]]:
    """(fault, begin, length) in seconds: one after the other in a drawn order, with pauses.

    What has no end of its own lasts from beginning to end.
    """
    lasting = [name for name in names if FAULTS[name].seconds == float("inf")]
    yield from ((name, 0.0, seconds) for name in lasting)
    others = [name for name in names if name not in lasting]
    dice.shuffle(others)
    slot = seconds / max(1, len(others))
    for place, name in enumerate(others):
        length = min(FAULTS[name].seconds, slot * 0.6)
        yield name, place * slot + dice.uniform(0, slot * 0.1), length


def last(fault: Fault, seconds: float, provoke: Callable[[], None]) -> int:
    """Let it last, and longer where it has not fired yet; how often it has. `provoke` makes work for it to strike."""
    end = time.monotonic() + seconds
    while time.monotonic() < end or (not fault.fired() and time.monotonic() < end + _LONGER):
        provoke()
        if time.monotonic() > end:
            fault.inject_again()
        time.sleep(max(0.0, min(_PROVOKE_SECONDS, end - time.monotonic())) or 2.0)
    return fault.fired()
