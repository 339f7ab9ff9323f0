"""A model of everything that may happen to owed work, in any order, over the real engine: nothing is lost, nothing is
paid or stored twice, nothing is left.

What is real: the production wiring, the engine and its SQLite file. What is small and ours: AWS and Label Studio at the
rim of the adapters, the clock, and who works when. `MODEL_EXAMPLES` makes it run longer.
"""

import os
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from harness.studio_double import API_KEY, PROJECT
from tests.model.aws_double import FAIR, WEATHER, Aws, Lags
from tests.model.processes import KINDS, Clock, InTurn, Process, Trap, World, killed, stepped
from tests.model.studio_weather import URL, Studio
from tests.model.studio_weather import WEATHER as STUDIO_WEATHER
from transcribe_backend import asking
from transcribe_backend.aws import jobs
from transcribe_backend.errors import TranscribeBackendError
from transcribe_backend.labeling.templates import SPEECH_RECOGNITION
from transcribe_backend.prelabeling import answers, imports
from transcribe_backend.prelabeling.project import Projects
from transcribe_backend.settings import Settings
from transcribe_backend.transcribing import watch
from transcribe_backend.work import bell
from transcribe_backend.work.items import LEASE

EXAMPLES, STEPS = int(os.environ.get("MODEL_EXAMPLES", "400")), 40
_PROCESSES, _TASKS = 3, 12
_CONFIGS = (
    SPEECH_RECOGNITION,
    SPEECH_RECOGNITION.replace("<Audio ", '<Audio model_language="en-GB" '),
    SPEECH_RECOGNITION.replace("transcription", "text"),
)
_SELECTING, _STORING, _STALL = 5.0, 3.0, 2.0
"""Seconds that we trust in: between Label Studio's choice of tasks and our getting its request; until it has stored an
answer; that one process may stand still before it sends one (answers.py: five each)."""
_SETTLED, _LONGEST = 2 * 3600.0, 600.0
_STALE = 120.0  # so long may a process answer in the version before
_FAILED, _MISSING = "AWS Transcribe failed on", "S3 answered 404"
_TOO_LONG = "too long"  # what is told when AWS refuses every start although no job runs
_WAV = (
    b"RIFF\x24\x20\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data"
)

processes = st.integers(0, _PROCESSES - 1)
numbers = st.integers(0, _TASKS - 1)


class OwedWork(RuleBasedStateMachine):
    """Three processes, one AWS account, one Label Studio with one project."""

    steps = 0
    seen: Counter[str] = Counter()
    world: World

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="model-", dir=_fast_disk())
        clock = Clock()
        self.settings = Settings(
            s3_bucket="ours", label_studio_url=URL, label_studio_api_key=API_KEY, model_dir=Path(self.folder.name),
            predict_wait=3.0, predict_open=2.0, max_jobs=4,
        )  # fmt: skip
        self.world = OwedWork.world = World(self.settings, clock, Aws(clock), Studio(clock))
        self.clock, self.aws, self.studio = clock, self.world.aws, self.world.studio
        self.processes = [Process(self.world) for _ in range(_PROCESSES)]
        self.asked: dict[int, float] = {}
        """When each task was last accepted, or AWS was last fair before: its prediction is owed in a version since."""
        self.foul: float | None = None
        """Since when AWS does not tell which vocabulary is in use."""
        self.configs, self.vocabularies = [(clock(), self.studio.config)], [(clock(), "")]
        """What was true since when; a process may learn of the one before the other."""

    # What people do

    @initialize(count=st.integers(1, 5))
    def there_are_tasks(self, count: int) -> None:
        self.studio.add_tasks([self._audio("own") for _ in range(count)])

    @rule(kinds=st.lists(st.sampled_from(["own", "own", "shared", "upload", "bad", "missing"]), min_size=1, max_size=5),
          by=processes, told=st.booleans())  # fmt: skip
    def tasks_are_imported(self, kinds: list[str], by: int, told: bool) -> None:
        made = self.studio.add_tasks([self._audio(kind) for kind in kinds[: _TASKS - len(self.studio.tasks)]])
        if made and told:
            self._notice(by, "TASKS_CREATED", made)

    @rule(number=numbers, by=processes, told=st.booleans())
    def a_task_is_deleted(self, number: int, by: int, told: bool) -> None:
        for task in self._existing(number, 1):
            self.studio.delete(task["id"])
            self.asked.pop(task["id"], None)
            if told:
                self._notice(by, "TASKS_DELETED", [{"id": task["id"]}])

    @rule(number=numbers, count=st.integers(1, 3), by=st.lists(processes, min_size=1, max_size=3),
          travel=st.sampled_from([0.0, 1.0, _SELECTING]), storing=st.sampled_from([0.0, 1.0, _STORING]),
          working=processes, ending=st.booleans())  # fmt: skip
    def tasks_are_opened(
        self, number: int, count: int, by: list[int], travel: float, storing: float, working: int, ending: bool
    ) -> None:
        tasks = self._existing(number, count)
        chosen = [(self.processes[each], self._lacking(self.processes[each], tasks)) for each in by]
        selected = self.clock()
        self.world.meanwhile = lambda: self._meanwhile(working, ending)
        for process, lacking in chosen:
            if self.clock() - selected > _SELECTING - travel:
                lacking, selected = self._lacking(process, tasks), self.clock()
            self.clock.sleep(travel)
            self._ask(process, lacking, storing)

    @rule(by=processes, storing=st.sampled_from([0.0, _STORING]), working=processes, ending=st.booleans())
    def predictions_are_retrieved(self, by: int, storing: float, working: int, ending: bool) -> None:
        self.world.meanwhile = lambda: self._meanwhile(working, ending)
        self._ask(self.processes[by], self._lacking(self.processes[by], self._existing(0, _TASKS)), storing)

    @rule(number=st.integers(0, len(_CONFIGS) - 1))
    def the_labeling_config_changes(self, number: int) -> None:
        self.studio.config = _CONFIGS[number]
        self._changed()

    @rule(by=processes, told=st.booleans())
    def a_vocabulary_is_promoted(self, by: int, told: bool) -> None:
        name = f"ls-p1-en-US-v{len(self.aws.vocabularies) + 1}"
        self.aws.vocabularies[name] = {"project": PROJECT, "state": "promoted"}
        self._changed()
        process = self.processes[by]
        if told:
            process.run(lambda: process.backend.learnt.remember(PROJECT, "en-US", name))

    @rule()
    def a_vocabulary_is_rolled_back(self) -> None:
        for name in [name for name, tags in self.aws.vocabularies.items() if tags["state"] == "promoted"][-1:]:
            self.aws.vocabularies[name]["state"] = "withdrawn"
            self._changed()

    # What AWS and Label Studio do

    @rule(count=st.integers(1, 4))
    def jobs_end(self, count: int) -> None:
        for job in self.aws.running()[:count]:
            self.aws.end(job)

    @rule(weather=st.sampled_from(WEATHER[1:]))
    def the_weather_of_aws_changes(self, weather: str) -> None:
        self.aws.weather = weather
        self.foul = self.foul or self.clock()

    @rule(lists=st.sampled_from([0.0, 8.0]), get=st.sampled_from([0.0, 3.0]), transcript=st.sampled_from([0.0, 10.0]))
    def aws_lags(self, lists: float, get: float, transcript: float) -> None:
        self.aws.lags = Lags(lists, get, transcript)

    @rule(weather=st.sampled_from(STUDIO_WEATHER[1:]), delay=st.sampled_from([0.0, 10.0, 40.0]))
    def the_weather_of_label_studio_changes(self, weather: str, delay: float) -> None:
        self.studio.weather, self.studio.delay = weather, delay

    @rule()
    def the_weather_is_fair(self) -> None:
        self.foul = None
        self.aws.weather, self.aws.lags, self.studio.weather = FAIR, Lags(), FAIR

    # What becomes of processes

    @rule(by=processes)
    def a_process_works(self, by: int) -> None:
        self.processes[by].step()

    @rule(by=st.lists(processes, min_size=1, max_size=4), seconds=st.sampled_from([0.5, 1.0, 5.0, LEASE]),
          ending=st.booleans())  # fmt: skip
    def processes_work(self, by: list[int], seconds: float, ending: bool) -> None:
        for each in by:
            self.jobs_end(int(ending))
            self.clock.sleep(seconds)
            self._work(self.processes[each])

    @rule(by=processes, seconds=st.sampled_from([60.0, 300.0, 3600.0, 3 * 3600.0]))
    def time_passes(self, by: int, seconds: float) -> None:
        self.clock.sleep(seconds)
        self._work(self.processes[by])

    @rule(by=processes)
    def a_process_is_killed_and_started_again(self, by: int) -> None:
        self.processes[by] = Process(self.world)

    @rule(by=processes)
    def a_process_ends_and_is_started_again(self, by: int) -> None:
        self.processes[by].run(self.processes[by].backend.close)
        self.processes[by] = Process(self.world)

    @rule(by=processes, kind=st.sampled_from(KINDS), count=st.integers(1, 8), after=st.booleans())
    def a_process_will_be_killed(self, by: int, kind: str, count: int, after: bool) -> None:
        def spring(process: Process) -> None:
            self.seen[f"killed at {kind}"] += 1
            killed(process)

        self.processes[by].trap = Trap(kind, count, after, spring)

    @rule(by=processes, other=processes, kind=st.sampled_from(KINDS), count=st.integers(1, 8), after=st.booleans(),
          seconds=st.sampled_from([0.0, 1.0, _STALL, 20.0]), number=numbers)  # fmt: skip
    def a_process_will_be_overtaken(
        self, by: int, other: int, kind: str, count: int, after: bool, seconds: float, number: int
    ) -> None:
        """It stands still for a moment, and another works and is asked meanwhile."""

        def spring(process: Process) -> None:
            self.seen[f"overtaken at {kind}"] += 1
            overtaking = self.processes[other]
            if process.asked:
                overtaking.step()
                self.clock.sleep(min(seconds, _STALL))
                return
            self.clock.sleep(seconds)
            overtaking.step()
            self._ask(overtaking, self._lacking(overtaking, self._existing(number, 1)), 0.0)
            overtaking.step()

        self.processes[by].trap = Trap(kind, count, after, spring)

    # What always holds

    @invariant()
    def what_always_holds(self) -> None:
        OwedWork.steps += 1
        self._check_leases()
        self._check_stored()

    def _check_leases(self) -> None:
        """Nothing is without a lease or a due time."""
        for key, queue, due, owner in self._rows("select key, queue, due, owner from transcribe_work"):
            assert due <= self.clock() + (LEASE if owner else _LONGEST) or queue == "failed", (key, queue, due)

    def _check_stored(self) -> None:
        """No job is started twice, no prediction is stored twice."""
        twice = Counter(job.what for job in self.aws.jobs.values()).most_common(1)
        assert not twice or twice[0][1] == 1, twice
        for task in self.studio.tasks:
            twice = Counter(self.studio.versions(task["id"])).most_common(1)
            assert not twice or twice[0][1] == 1, (task["id"], twice)

    def teardown(self) -> None:
        """What holds in the end, once everything is back and time has passed."""
        try:
            self._settle()
            self._check_owed()
            self._open_all()
            self._settle()
            self._check_all()
            self._check_ledger()
            self.seen.update({f"aws {name}": count for name, count in self.aws.struck.items()})
            self.seen.update({f"studio {name}": count for name, count in self.studio.struck.items()})
        finally:
            self.folder.cleanup()

    def _settle(self) -> None:
        self.the_weather_is_fair()
        self.world.meanwhile = lambda: None
        for number, process in enumerate(self.processes):
            process.trap = None
            self.processes[number] = Process(self.world) if process.dead else process
        begun = self.clock()
        while self._owes():
            assert self.clock() - begun < _SETTLED, self._owes()
            for job in self.aws.running():
                self.aws.end(job)
            for process in self.processes:
                self._work(process)
            due = self._rows("select min(due) from transcribe_work where queue <> 'failed'")[0][0]
            self.clock.sleep(max(0.5, (due or 0.0) - self.clock()))
            self._check_stored()
        self.clock.sleep(60.0)
        self._check_stored()

    def _owes(self) -> list[Any]:
        return [
            *self._rows("select key, queue, due, owner, attempts, problem, body from transcribe_work "
                        "where queue <> 'failed'"),
            *self._rows("select name from transcribe_jobs"),
        ]  # fmt: skip

    def _check_owed(self) -> None:
        """Whatever was accepted has a prediction in a version of that time or later, or a told failure."""
        for task, asked in self.asked.items():
            failures = self._failures(f"{PROJECT}|{task}|")
            assert set(failures) <= {self._deserved(task), _TOO_LONG}, (self._task(task), failures)
            if not failures:
                configs, names = (_since(asked - _STALE, each) for each in (self.configs, self.vocabularies))
                allowed = {_version(config, name) for config in configs for name in names}
                assert allowed & set(self.studio.versions(task)), (task, self.studio.versions(task), allowed)

    def _open_all(self) -> None:
        self.clock.sleep(700.0)
        for task in self._existing(0, _TASKS):
            self._ask(self.processes[0], self._lacking(self.processes[0], [task]), 0.0)

    def _check_all(self) -> None:
        """Every task has exactly one prediction in the current version, or a told failure that it deserves."""
        version = self.version()
        for task in self._existing(0, _TASKS):
            count = self.studio.versions(task["id"]).count(version)
            kinds = self._failures(f"{PROJECT}|{task['id']}|{version}")
            deserved = self._deserved(task["id"])
            assert (count, kinds) == ((0, [deserved]) if deserved else (1, [])), (task, count, kinds)
        for task in self.studio.gone:
            assert not self.studio.versions(task), task

    def _check_ledger(self) -> None:
        """Every job that was not FAILED is booked once, and no other."""
        booked = self._rows("select sum(amount) from transcribe_ledger where what = 'jobs'")[0][0]
        completed = sum(not job.failed for job in self.aws.jobs.values())
        assert (booked or 0) == completed, (booked, completed)

    # Helpers

    def version(self) -> str:
        """The model_version that is true now."""
        return _version(self.studio.config, self.vocabularies[-1][1])

    def _changed(self) -> None:
        in_use = [name for name, tags in self.aws.vocabularies.items() if tags["state"] == "promoted"]
        self.configs.append((self.clock(), self.studio.config))
        self.vocabularies.append((self.clock(), in_use[-1] if in_use else ""))

    def _audio(self, kind: str) -> str:
        number = 0 if kind == "shared" else len(self.studio.tasks) + len(self.aws.objects) + len(self.studio.files)
        if kind == "upload":
            self.studio.files[f"/data/upload/1/{number}.wav"] = (
                _WAV + (8000).to_bytes(4, "little") + bytes([number]) * 8000
            )
            return f"/data/upload/1/{number}.wav"
        if kind != "missing":
            self.aws.objects[f"calls/{kind}-{number}.wav"] = f"{kind} {number}".encode()
        return f"s3://calls/{kind}-{number}.wav"

    def _existing(self, number: int, count: int) -> list[dict[str, Any]]:
        there = [task for task in self.studio.tasks if task["id"] not in self.studio.gone]
        return there[number : number + count]

    def _task(self, number: int) -> dict[str, Any]:
        return self.studio.tasks[number - 1]

    def _deserved(self, task: int) -> str:
        """What is told of the audio of a task, "" for good audio."""
        kind = self._task(task)["data"]["audio"].rpartition("/")[2].partition("-")[0]
        return {"bad": _FAILED, "missing": _MISSING}.get(kind, "")

    def _lacking(self, process: Process, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Label Studio asks for tasks without a prediction in the version that /setup has just told it."""
        try:
            project = process.run(lambda: process.backend.projects.read(PROJECT, self.studio.config))
        except TranscribeBackendError:
            return []
        if project is None:
            return []
        return [task for task in tasks if project.version not in self.studio.versions(task["id"])]

    def _ask(self, process: Process, tasks: list[dict[str, Any]], storing: float) -> None:
        """Label Studio asks for predictions and stores what it gets, `storing` seconds later."""
        if not tasks:
            return
        sent, config = [{"id": task["id"], "data": task["data"], "project": 1} for task in tasks], self.studio.config
        try:
            answered = process.predict(sent, PROJECT, config)
        except TranscribeBackendError:
            return
        for task, prediction in zip(tasks, answered or [], strict=answered is not None):
            self.seen["answered" if prediction else "answered later"] += 1
            if prediction:
                self.studio.store_late(self.clock() + storing, task["id"], prediction)
            if task["id"] not in self.studio.gone:
                self.asked[task["id"]] = self.foul or self.clock()

    def _notice(self, by: int, event: str, tasks: list[dict[str, Any]]) -> None:
        process, data = self.processes[by], {"project": self.studio.described(), "tasks": tasks}
        if process.run(lambda: process.backend.notice(event, data) or "accepted") and event == "TASKS_CREATED":
            self.asked |= {task["id"]: self.foul or self.clock() for task in tasks}

    def _meanwhile(self, working: int, ending: bool) -> None:
        if ending:
            self.jobs_end(1)
        self.processes[working].step()

    def _work(self, process: Process) -> None:
        process.run(process.backend.crew.tidy)
        process.step()

    def _failures(self, prefix: str) -> list[str]:
        """The failures that were told, by their words; in full those that no test expects."""
        rows = self._rows("select key, problem from transcribe_work where queue = 'failed'")
        told = [str(problem) for key, problem in rows if str(key).startswith(prefix)]
        return [next((words for words in (_FAILED, _MISSING, _TOO_LONG) if words in each), each) for each in told]

    def _rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.settings.model_dir / "work.db")) as connection:
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError as error:
                assert "no such table" in str(error)
                return [(None,)] if "min(" in query else []


def _version(config: str, vocabulary: str) -> str:
    projects = Projects("en-US", lambda project, language: vocabulary if language == "en-US" else "")
    return projects.read(PROJECT, config).version


def _since(time: float, facts: list[tuple[float, str]]) -> set[str]:
    """What was true at a time or later."""
    before = [index for index, (since, _) in enumerate(facts) if since <= time]
    return {fact for _, fact in facts[max(before, default=0) :]}


def _fast_disk() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever waits or works in a pool takes turns with the others, so that a sequence can be repeated."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for module in (watch, asking):
        monkeypatch.setattr(module, "ThreadPoolExecutor", InTurn)
    events, time = stepped(lambda: OwedWork.world)
    monkeypatch.setattr(bell, "threading", events)
    monkeypatch.setattr(answers, "time", time)
    monkeypatch.setattr(jobs, "time", SimpleNamespace(time=lambda: OwedWork.world.clock()))
    monkeypatch.setattr(imports, "_PAGE", 3)
    yield


def test_nothing_is_lost_or_done_twice_whatever_happens(one_thread: None) -> None:
    chosen = settings(
        max_examples=EXAMPLES, stateful_step_count=STEPS, derandomize=True, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(OwedWork, settings=chosen)
    assert OwedWork.steps >= EXAMPLES * STEPS * 5 // 6
    expected = {f"{what} at {kind}" for what in ("killed", "overtaken") for kind in KINDS}
    assert {what for what in expected if not OwedWork.seen[what]} == set(), OwedWork.seen


@pytest.mark.parametrize("weather", WEATHER[1:])
def test_aws_may_be_in_any_state_for_a_while(one_thread: None, weather: str) -> None:
    model = _with_an_import()
    model.the_weather_of_aws_changes(weather)
    model.processes_work([0, 1, 0, 1, 2, 0], 5.0, ending=True)
    assert model.aws.struck[weather]
    model.teardown()


@pytest.mark.parametrize("weather", WEATHER[1:])
def test_a_start_that_was_not_heard_of_is_booked_whatever_comes_next(one_thread: None, weather: str) -> None:
    model = _with_an_import()
    model.aws_lags(lists=0.0, get=1000.0, transcript=0.0)
    model.the_weather_of_aws_changes("lossy")
    model.processes_work([0, 0], 1.0, ending=False)
    assert model.aws.struck["lossy"]
    model.the_weather_of_aws_changes(weather)
    model.processes_work([0, 1, 0, 1, 2, 0], 5.0, ending=False)
    assert model.aws.struck[weather]
    model.teardown()


@pytest.mark.parametrize("weather", STUDIO_WEATHER[1:])
def test_label_studio_may_be_in_any_state_for_a_while(one_thread: None, weather: str) -> None:
    model = _with_an_import()
    model.processes_work([0, 0], 1.0, ending=False)
    model.the_weather_of_label_studio_changes(weather, 40.0)
    model.processes_work([0, 1, 0, 1, 2, 0], 5.0, ending=True)
    assert model.studio.struck[weather]
    model.teardown()


def _with_an_import() -> OwedWork:
    model = OwedWork()
    model.tasks_are_imported(["own", "shared", "upload", "bad"], 0, told=True)
    return model
