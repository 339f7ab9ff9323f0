"""Who works there: annotators at the editor, a manager who imports and deletes, a trainer; by Label Studio's API."""

import io
import random
import sqlite3
import threading
import wave
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import requests
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from campaign.site import AUDIO, BROKEN, WEST, WEST_AUDIO, Site
from harness.aws import REGION
from harness.processes import ProgramError

Result = list[dict[str, Any]]

# The database of a Label Studio that was killed cannot be read before it runs again.
_PASSING = (requests.RequestException, ProgramError, KeyError, BotoCoreError, ClientError, sqlite3.OperationalError)
_THINKING = (4.0, 24.0)  # seconds between two deeds of an annotator
_BETWEEN_IMPORTS = (10.0, 25.0)
_WORDS = ("Llanberis", "Xochitl", "Siobhan", "Brecon", "Okonkwo")


@dataclass
class Written:
    """An annotation of a task, and the texts that may stand there: more than one where an answer was lost."""

    task: int
    versions: list[list[str]]


@dataclass
class Book:
    """What people have written, so that it can be held against what Label Studio has.

    `overwritten` are the answers of the editor's suggestions that touched a text of theirs.
    """

    annotations: dict[int, Written] = field(default_factory=dict)
    overwritten: list[str] = field(default_factory=list)
    deleted: set[int] = field(default_factory=set)
    done: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, deed: str) -> None:
        """One more of these was done."""
        with self.lock:
            self.done[deed] = self.done.get(deed, 0) + 1


def texts(result: Result) -> list[str]:
    """The texts of an annotation."""
    return [text for each in result for text in each["value"].get("text", [])]


class Person:
    """Somebody who does things, one after the other, and tries again another time where that fails."""

    between = _THINKING

    def __init__(self, site: Site, book: Book, seed: float) -> None:
        self.site, self.book = site, book
        self.dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._browser: requests.Session | None = None

    def work(self, ended: threading.Event) -> None:
        """Until the working day ends."""
        while not ended.wait(self.dice.uniform(*self.between)):
            with suppress(*_PASSING):
                self.do_something()

    def do_something(self) -> None:
        """One deed."""
        raise NotImplementedError

    def ask(self, method: str, path: str, **request: Any) -> Any:
        """The JSON answer of Label Studio; raises RequestException."""
        self._browser = self._browser or self.site.studio.signed_in()
        answer = self._browser.request(method, self.site.studio.url + path, timeout=120, **request)
        answer.raise_for_status()
        return answer.json() if answer.content else None


class Annotator(Person):
    """Opens tasks and draws, corrects, submits or skips, as the editor does."""

    def do_something(self) -> None:
        task = self._opened()
        deed = self.dice.choices((self._submit, self._draw, self._skip, self._correct, self._look), (8, 4, 1, 3, 4))[0]
        deed(task)

    def _opened(self) -> dict[str, Any]:
        if self.dice.random() < 0.3:
            task: dict[str, Any] = self.ask("GET", f"/api/projects/{self.site.project}/next")
        else:
            known = sorted(set(self.site.tasks()) - self.book.deleted)
            task = self.ask("GET", f"/api/tasks/{self.dice.choice(known)}")
        self.book.count("opened")
        return task

    def _look(self, task: dict[str, Any]) -> None:
        """And nothing more."""

    def _submit(self, task: dict[str, Any]) -> None:
        self._annotate(task, self._corrected(task), "submitted")

    def _draw(self, task: dict[str, Any]) -> None:
        """A region with a text and one without; the backend may fill the second."""
        mine = _region("mine", 0.0, 0.4)
        empty = _region("empty", 0.4, 1.0)
        written = {**mine, "from_name": "transcription", "type": "textarea"}
        written["value"] = {"start": 0.0, "end": 0.4, "channel": 0, "text": [self._sentence()]}
        drawn = [mine, written, empty]
        body = {"task": task["id"], "context": {"result": drawn}}
        answer = self.ask("POST", f"/api/ml/{self.site.backend}/interactive-annotating", json=body)
        self.book.count("drew")
        filled = (answer.get("data") or {}).get("result", [])
        if any(each["id"] == "mine" and texts([each]) not in ([], texts(drawn)) for each in filled):
            self.book.overwritten.append(f"task {task['id']}: {filled}")
        self._annotate(task, drawn + [each for each in filled if each["id"] == "empty"], "submitted")

    def _skip(self, task: dict[str, Any]) -> None:
        self.ask("POST", f"/api/tasks/{task['id']}/annotations/", json={"result": [], "was_cancelled": True})
        self.book.count("skipped")

    def _correct(self, task: dict[str, Any]) -> None:
        """An annotation that somebody wrote before."""
        with self.book.lock:
            known = sorted(self.book.annotations)
        if not known:
            return
        number, region = self.dice.choice(known), _region("again", 0.1, 0.9)
        region |= {"from_name": "transcription", "type": "textarea"}
        region["value"] = {"start": 0.1, "end": 0.9, "channel": 0, "text": [self._sentence()]}
        with self.book.lock:
            self.book.annotations[number].versions.append(texts([region]))
        self.ask("PATCH", f"/api/annotations/{number}/", json={"result": [_region("again", 0.1, 0.9), region]})
        self.book.count("corrected")

    def _annotate(self, task: dict[str, Any], result: Result, deed: str) -> None:
        body = {"result": result, "lead_time": 7.5, "draft_id": 0}
        answer = self.ask("POST", f"/api/tasks/{task['id']}/annotations/", json=body)
        with self.book.lock:
            self.book.annotations[int(answer["id"])] = Written(task["id"], [texts(result)])
        self.book.count(deed)

    def _corrected(self, task: dict[str, Any]) -> Result:
        """The newest prediction with another word in it; what they hear themselves where there is none."""
        predictions = task.get("predictions") or []
        found = max(predictions, key=lambda each: int(each["id"])) if predictions else {"result": []}
        result: Result = [dict(each) for each in found["result"]]
        for each in result:
            if "text" in each["value"]:
                each["value"] = {**each["value"], "text": [f"{each['value']['text'][0]} {self._sentence()}"]}
        return result or [_region("own", 0.0, 1.0)]

    def _sentence(self) -> str:
        return f"{self.dice.choice(_WORDS)} {self.dice.randrange(10**6)}"


class Manager(Person):
    """Imports audio of all kinds, and deletes tasks now and then."""

    between = _BETWEEN_IMPORTS

    def __init__(self, site: Site, book: Book, seed: float, batch: int, name: str) -> None:
        super().__init__(site, book, seed)
        self._batch, self._name = batch, name
        # No patience: while AWS hangs, people have other things to do.
        brief = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})
        regions = {AUDIO: REGION, WEST_AUDIO: WEST}
        self._s3 = {bucket: site.aws.client("s3", region_name=region, config=brief)
                    for bucket, region in regions.items()}  # fmt: skip
        self._made = 0

    def do_something(self) -> None:
        self.dice.choices((self.bring, self.upload, self._delete), (6, 2, 2))[0]()

    def provoke(self) -> None:
        """Bring some of each way of import, if Label Studio is there."""
        with suppress(*_PASSING):
            self.bring()
            self.upload()

    def bring(self, count: int | None = None) -> None:
        """Import recordings from S3: here, in another region, missing or broken."""
        kinds = (self._here, self._west, self._missing, self._broken)
        uris = [self.dice.choices(kinds, (80, 12, 4, 4))[0]() for _ in range(count or self._batch)]
        self.ask("POST", f"/api/projects/{self.site.project}/import", json=[{"data": {"audio": uri}} for uri in uris])
        self.book.count("imported")

    def upload(self) -> None:
        """A file from this machine, which the backend has to download."""
        self._made += 1
        file = {"file": (f"upload-{self._name}-{self._made}.wav", _sound(self.dice), "audio/wav")}
        self.ask("POST", f"/api/projects/{self.site.project}/import", files=file)
        self.book.count("uploaded")

    def _delete(self) -> None:
        known = sorted(set(self.site.tasks()) - self.book.deleted)
        for number in self.dice.sample(known[-self._batch :], min(2, len(known))):
            self.book.deleted.add(number)
            self.ask("DELETE", f"/api/tasks/{number}/")
            self.book.count("deleted")

    def _here(self) -> str:
        return self._put(AUDIO, "call")

    def _west(self) -> str:
        return self._put(WEST_AUDIO, "west")

    def _broken(self) -> str:
        return self._put(AUDIO, BROKEN)

    def _missing(self) -> str:
        self._made += 1
        return f"s3://{AUDIO}/missing-{self._name}-{self._made}.wav"

    def _put(self, bucket: str, prefix: str) -> str:
        self._made += 1
        key = f"{prefix}-{self._name}-{self._made:05}.wav"
        self._s3[bucket].put_object(Bucket=bucket, Key=key, Body=key.encode())
        return f"s3://{bucket}/{key}"


class Trainer(Person):
    """Presses Start Training once, and pins a word, which makes a vocabulary that all are transcribed with anew."""

    def __init__(self, site: Site, book: Book, seed: float, after: float) -> None:
        super().__init__(site, book, seed)
        self.between = (after, after)
        self._left: list[Callable[[], None]] = [self._train, self._pin]

    def do_something(self) -> None:
        if self._left:
            self._left[-1]()
            self._left.pop()

    def _pin(self) -> None:
        done = self.site.command("vocabulary", "pin", "--project", str(self.site.project), self.dice.choice(_WORDS))
        if done.returncode:
            raise ProgramError(done.stderr)
        self.book.count("pinned")

    def _train(self) -> None:
        self.ask("POST", f"/api/ml/{self.site.backend}/train")
        self.book.count("trained")


def _region(name: str, start: float, end: float) -> dict[str, Any]:
    value = {"start": start, "end": end, "channel": 0, "labels": ["Speech"]}
    return {"id": name, "from_name": "labels", "to_name": "audio", "type": "labels", "value": value}


def _sound(dice: random.Random) -> bytes:
    """A second of noise that nobody has heard before."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(dice.randbytes(16_000))
    return sound.getvalue()
