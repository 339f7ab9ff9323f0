"""What holds whatever happens: looked at while the campaign lasts, and judged at its end."""

import json
import sqlite3
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import requests

from campaign.people import Book, texts
from campaign.site import OUTPUT, WEST, Site, settle
from harness.processes import ProgramError

_LOOK_SECONDS = 5.0
_GRACE = 20.0  # seconds: what /setup found out may be kept for five, a request may have begun before the end of trouble
_PATIENCE = 420.0
_WARM_SECONDS, _LIFE_SECONDS, _ENOUGH_SECONDS = 120.0, 480.0, 1200.0
_GROWTH = 60.0  # megabytes an hour of a process, at most


@dataclass(frozen=True)
class Verdict:
    """One promise: whether it was kept, and the figures. None: too short a run to say."""

    promise: str
    kept: bool | None
    seen: str


@dataclass
class Watch:
    """Looks every five seconds, also while things go wrong."""

    site: Site
    book: Book
    doubled: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    memory: dict[int, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    looks: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self) -> None:
        """Look from now on."""
        self._thread = threading.Thread(target=self._look_all)
        self._thread.start()

    def end(self) -> None:
        """A last look."""
        self._ended.set()
        if self._thread:
            self._thread.join()
        self.look()

    def look(self) -> None:
        """Once."""
        with suppress(sqlite3.OperationalError):  # Label Studio was killed, and has not mended its database yet
            self.doubled |= set(_doubled(self.site))
            self.changed |= set(_changed(self.site, self.book))
            self.looks += 1
        for replica in self.site.replicas:
            if measured := replica.memory():
                self.memory[measured[0]].append((time.monotonic(), measured[1]))

    def _look_all(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self.look()


def _doubled(site: Site) -> Iterator[str]:
    """Tasks with two predictions of one version."""
    rows = site.studio_rows(
        "select task_id, model_version, count(*) from prediction "
        f"where project_id = {site.project:d} group by 1, 2 having count(*) > 1"
    )
    yield from (f"task {task} has {count} of {version}" for task, version, count in rows)


def _changed(site: Site, book: Book) -> Iterator[str]:
    """Annotations whose words are none that their author has written, or that are gone though their task is not."""
    with book.lock:
        written = {number: (each.task, list(each.versions)) for number, each in book.annotations.items()}
    rows = site.studio_rows(f"select id, result from task_completion where project_id = {site.project:d}")
    stored = {int(number): texts(json.loads(result)) for number, result in rows}
    for number, (task, versions) in written.items():
        if number in stored and stored[number] not in versions:
            yield f"annotation {number} of task {task} is {stored[number]}"
        if number not in stored and task not in book.deleted:
            yield f"annotation {number} of task {task} is gone"


def settled(site: Site, patience: float = _PATIENCE) -> list[str]:
    """Everything is well again: wait for all that is owed, ask for what is not there, wait again. What failed."""
    site.aws.switch(nasty=False)
    problems = [settle(lambda: not _owed(site), patience, "nothing is owed")]

    def current() -> bool:
        with suppress(ProgramError, requests.RequestException):
            if not _owed(site):
                if not _lacking(site):
                    return True
                site.studio.retrieve_predictions(site.project)
        return False

    problems.append(settle(current, patience, "every task has a prediction of the current version, or a told failure"))
    problems.append(settle(lambda: not _owed(site), 120, "nothing is owed"))
    return [problem for problem in problems if problem]


def _owed(site: Site) -> int:
    rows = site.store.rows("select count(*) from transcribe_work where queue not in ('failed', 'watch', 'ready')")
    return int(rows[0][0])


def _version(site: Site) -> str:
    """What Label Studio keeps of the last /setup."""
    return str(site.studio.backends(site.project)[0]["model_version"])


def _failed(site: Site) -> set[int]:
    """The tasks of which the status page says that they cannot be pre-labeled."""
    keys = site.store.rows("select key from transcribe_work where queue = 'failed'")
    return {int(key.split("|")[1]) for (key,) in keys if key.split("|")[1].isdigit()}


def _lacking(site: Site) -> list[int]:
    version = _version(site)
    rows = site.studio_rows(
        f"select distinct task_id, model_version from prediction where project_id = {site.project:d}"
    )
    have = {int(task) for task, made in rows if made == version}
    return sorted(set(site.tasks()) - have - _failed(site))


def judge(site: Site, book: Book, watch: Watch, problems: list[str]) -> list[Verdict]:
    """Every promise, once all is settled."""
    judges = (_predictions, _jobs, _ledger, _human_texts, _answers, _memory, _store, _bucket, _staging)
    return [each(site, book, watch, problems) for each in judges]


def _predictions(site: Site, book: Book, watch: Watch, problems: list[str]) -> Verdict:
    lacking, failed, tasks = _lacking(site), _failed(site), site.tasks()
    told = failed & set(tasks)
    silent = {number for number in told if not _expected_to_fail(tasks[number])}
    doubled = sorted(_doubled(site))
    seen = f"{len(tasks)} tasks, {len(told)} told failures, {len(watch.doubled)} had two for some minutes"
    wrong = [*problems, *doubled[:5]]
    wrong += [f"without either: {lacking[:10]}"] if lacking else []
    wrong += [f"failed for no reason: {sorted(silent)[:10]}"] if silent else []
    return Verdict("one current prediction or a told failure per task", not wrong, "; ".join([seen, *wrong]))


def _expected_to_fail(audio: str) -> bool:
    return "/missing-" in audio or "/broken-" in audio


def _jobs(site: Site, book: Book, watch: Watch, problems: list[str]) -> Verdict:
    """No two jobs for the same audio with the same options."""
    found = Counter(_what(site, region, name) for region, name in _all_jobs(site))
    twice = [what for what, count in found.items() if count > 1]
    audios = len({audio for audio, _ in found})
    seen = f"{sum(found.values())} jobs for {audios} audios in {len({options for _, options in found})} ways"
    return Verdict("one job per audio and options", not twice, "; ".join([seen, *map(str, twice[:5])]))


def _ledger(site: Site, book: Book, watch: Watch, problems: list[str]) -> Verdict:
    booked = site.store.rows("select coalesce(sum(amount), 0) from transcribe_ledger where what = 'jobs'")[0][0]
    completed = sum(1 for _ in _all_jobs(site, Status="COMPLETED"))
    seen = f"{booked:.0f} booked, {completed} completed"
    return Verdict("each completed job is in the ledger once", booked == completed, seen)


def _all_jobs(site: Site, **filters: str) -> Iterator[tuple[str, str]]:
    for region in ("us-east-1", WEST):
        client = site.aws.client("transcribe", region_name=region)
        token: dict[str, str] = {}
        while True:
            page = client.list_transcription_jobs(MaxResults=100, **filters, **token)
            yield from ((region, job["TranscriptionJobName"]) for job in page["TranscriptionJobSummaries"])
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}


def _what(site: Site, region: str, name: str) -> tuple[str, str]:
    client = site.aws.client("transcribe", region_name=region)
    job = client.get_transcription_job(TranscriptionJobName=name)["TranscriptionJob"]
    options = {key: job.get(key) for key in ("LanguageCode", "Settings", "ContentRedaction")}
    return job["Media"]["MediaFileUri"], json.dumps(options, sort_keys=True)


def _human_texts(site: Site, book: Book, watch: Watch, problems: list[str]) -> Verdict:
    wrong = [*sorted(watch.changed), *book.overwritten]
    seen = f"{len(book.annotations)} annotations, {book.done.get('drew', 0)} drawn regions, {watch.looks} looks"
    return Verdict("no human text is changed", not wrong, "; ".join([seen, *wrong[:5]]))


def _answers(site: Site, book: Book, watch: Watch, problems: list[str]) -> Verdict:
    """Of the backend's own answers of 5xx only /setup's are right, and only where it has something to tell."""
    answered = site.proxy.answered()
    bad = [each for each in answered if each.status >= 500]
    kinds: Counter[str] = Counter()
    for each in bad:
        kinds[_kind(site, each)] += 1
    wrong = kinds["unexplained"]
    examples = [f"{each.status} {each.path} at {each.at:.0f}" for each in bad if _kind(site, each) == "unexplained"][:5]
    seen = f"{len(answered)} requests; 5xx: {dict(kinds) or 'none'}"
    return Verdict("no 5xx to Label Studio while the store is there", not wrong, "; ".join([seen, *examples]))


def _kind(site: Site, each: Any) -> str:
    if site.diary.lasted(each.at, _GRACE, "all"):
        return "store away"
    if each.own:
        return "process away" if site.diary.lasted(each.at, _GRACE, "process away") else "unexplained"
    if each.path.endswith("/setup") and site.diary.lasted(each.at, _GRACE, "/setup", "process away"):
        return "told by /setup"
    return "unexplained"


def _memory(site: Site, book: Book, watch: Watch, problems: list[str]) -> Verdict:
    """One slope through the lives of all processes that lived for ten minutes, the first two of which do not count; of
    less than twenty minutes in all it says nothing, since caches are still being filled.
    """
    warm = [_warm(life) for life in watch.memory.values()]
    lives = [life for life in warm if life and life[-1][0] - life[0][0] > _LIFE_SECONDS]
    seconds = sum(life[-1][0] - life[0][0] for life in lives)
    most = max((megabytes for life in watch.memory.values() for _, megabytes in life), default=0.0)
    seen = f"largest process {most:.0f} MB"
    promise = "memory is flat"
    if seconds < _ENOUGH_SECONDS:
        return Verdict(promise, None, f"{seen}; only {seconds / 60:.0f} minutes of processes that lived for ten")
    slope = _slope(lives) * 3600
    return Verdict(promise, slope < _GROWTH, f"{seen}, {slope:+.0f} MB an hour over {seconds / 60:.0f} process minutes")


def _warm(life: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(at, size) for at, size in life if at - life[0][0] > _WARM_SECONDS]


def _slope(lives: list[list[tuple[float, float]]]) -> float:
    """Megabytes a second."""
    pairs = []
    for life in lives:
        mean_at, mean_size = (statistics.fmean(column) for column in zip(*life, strict=True))
        pairs += [(at - mean_at, size - mean_size) for at, size in life]
    return sum(at * size for at, size in pairs) / (sum(at * at for at, _ in pairs) or 1.0)


def _store(site: Site, book: Book, watch: Watch, problems: list[str]) -> Verdict:
    idle = settle(lambda: not _held(site), 60, "no job slot is held")
    left = site.store.rows("select queue, count(*) from transcribe_work where queue <> 'failed' group by 1")
    wrong = [f"{count} in the queue {queue}" for queue, count in left if queue not in ("watch", "ready")]
    wrong += [f"{_held(site)} job slots held"] if idle else []
    return Verdict("no orphan in the store", not wrong, "; ".join(wrong) or "empty but for the told failures")


def _held(site: Site) -> int:
    return int(site.store.rows("select count(*) from transcribe_jobs")[0][0])


def _bucket(site: Site, book: Book, watch: Watch, problems: list[str]) -> Verdict:
    """Audio staged for a task that was deleted before its job began is left to the lifecycle rule of the bucket."""
    s3, jobs = site.aws.s3, {name: _what(site, region, name)[0] for region, name in _all_jobs(site)}
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=OUTPUT)
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    transcripts = [key for key in keys if "/transcripts/" in key and not key.endswith(".temp")]
    media = [key for key in keys if "/media/" in key]
    used = set(jobs.values())
    orphans = [key for key in transcripts if key.rpartition("/")[2].removesuffix(".json") not in jobs]
    unused = [key for key in media if f"s3://{OUTPUT}/{key}" not in used]
    orphans += unused[book.done.get("deleted", 0) :]
    parts = s3.list_multipart_uploads(Bucket=OUTPUT).get("Uploads", [])
    seen = f"{len(transcripts)} transcripts, {len(media)} staged audios, {len(parts)} unfinished uploads"
    return Verdict("no orphan in the bucket", not orphans and not parts, "; ".join([seen, *orphans[:5]]))


def _staging(site: Site, book: Book, watch: Watch, problems: list[str]) -> Verdict:
    """A killed process leaves what it was writing, at most one file for each; the next start deletes it after a day."""
    left = [path for machine in site.machines for path in machine.disk.rglob("tmp*/*") if path.is_file()]
    left += [path for machine in site.machines for path in machine.disk.glob("transcripts/*/tmp*")]
    kills = sum(each["what"] == "process away" for each in site.diary.entries)
    return Verdict("no orphan in the staging folder", len(left) <= kills, f"{len(left)} files, {kills} processes ended")
