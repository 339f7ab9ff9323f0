"""The model class under every host: each call of the protocol is answered as by our own server.

SDK 2.x is on GitHub only; its rows are skipped unless LABEL_STUDIO_ML_2X names a virtual environment that has it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from harness import protocol
from harness.backend import Server
from harness.hosts import HOSTS, SECOND, hosted
from harness.scene import Scene, scene
from harness.studio_double import PROJECT
from harness.waiting import wait_until

ANOTHER = "2.1767225600"
UNFILLABLE = '<View><Audio name="a" value="$a"/><Rating name="r" toName="a"/></View>'
VERDICTS: dict[tuple[str, str], str] = {}
VERSIONS: dict[str, dict[str, str]] = {}
_PATIENCE = 60


@dataclass
class Hosted:
    """A host at work, between the stand-in for AWS and the double of Label Studio."""

    name: str
    server: Server
    scene: Scene
    versions: dict[str, str] = field(default_factory=dict)

    def post(self, path: str, body: Any) -> requests.Response:
        """One request of Label Studio."""
        return requests.post(self.server.url + path, json=body, timeout=60)

    def setup(self, config: str = protocol.PLAIN, project: str = PROJECT) -> str:
        """The version that it answers."""
        answer = self.post("/setup", protocol.setup(config, project))
        assert answer.status_code == 200, answer.text
        version: str = answer.json()["model_version"]
        return version

    def retrieve(self, tasks: list[dict[str, Any]]) -> list[Any]:
        """Label Studio asks for those tasks that have no prediction of the version, and stores what is answered."""
        version = self.setup()
        stored = self.scene.studio.stored
        lacking = [
            task for task in tasks if version not in [each["model_version"] for each in stored.get(task["id"], [])]
        ]
        body = protocol.predict(lacking, protocol.PLAIN, PROJECT)
        results: list[Any] = self.post("/predict", body).json()["results"] if lacking else []
        self.scene.studio.store(lacking, results)
        return results

    def webhook(self, action: str, **payload: Any) -> None:
        """An event, as Label Studio tells it."""
        body = {"action": action, "project": self.scene.studio.described(), **payload}
        assert self.post("/webhook", body).ok


@pytest.fixture(scope="module", params=HOSTS)
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    """Each host, with answers that never wait for a job."""
    folder = tmp_path_factory.mktemp("host")
    with scene("--latency", "1", folder=folder, PREDICT_WAIT_SECONDS="0", PREDICT_OPEN_SECONDS="0") as stage:
        stage.studio.config = protocol.PLAIN
        _learn(stage)
        with hosted(request.param, stage.settings, folder) as server:
            yield Hosted(request.param, server, stage)


def _learn(stage: Scene) -> None:
    """A vocabulary that the second project has learnt."""
    tags = [{"Key": "project", "Value": ANOTHER}, {"Key": "state", "Value": "promoted"}]
    stage.aws.transcribe.create_vocabulary(
        VocabularyName="ls-p2-en-US-v1", LanguageCode="en-US", Phrases=["Dashwood"], Tags=tags
    )
    wait_until(lambda: _is_ready(stage, "ls-p2-en-US-v1"), _PATIENCE, "the vocabulary is ready")


def _is_ready(stage: Scene, name: str) -> bool:
    state: str = stage.aws.transcribe.get_vocabulary(VocabularyName=name)["VocabularyState"]
    return state == "READY"


def health(host: Hosted) -> str:
    for path in ("/", "/health"):
        assert requests.get(host.server.url + path, timeout=10).json()["status"] == "UP"
    return "UP"


def setup(host: Hosted) -> str:
    """The same version as under every other host."""
    version = host.setup()
    VERSIONS.setdefault("first project", {})[host.name] = version
    assert len(set(VERSIONS["first project"].values())) == 1
    return version


def learnt_vocabulary(host: Hosted) -> str:
    version = host.setup(protocol.OTHER, ANOTHER)
    assert version.startswith("transcribe-en-US+v1@")
    VERSIONS.setdefault("second project", {})[host.name] = version
    assert len(set(VERSIONS["second project"].values())) == 1
    return version


def unfillable_config(host: Hosted) -> str:
    """The reason phrase is what Label Studio shows; nothing of a traceback is told."""
    said = [
        host.post("/setup", protocol.setup(UNFILLABLE, PROJECT)),
        host.post("/predict", protocol.predict([protocol.task(1, "s3://calls/a.wav")], UNFILLABLE, PROJECT)),
    ]
    for answer in said:
        assert answer.status_code == 422 and "TextArea" in answer.reason
        assert "Traceback" not in answer.text and "TextArea" in answer.json()["detail"]
    return f"{said[0].status_code} {said[0].reason[:40]}…"


def late_delivery(host: Hosted) -> str:
    """Answered with nothing, delivered when the job ends; three retrieves leave one prediction each."""
    tasks = host.scene.tasks(3)
    assert host.retrieve(tasks) == [[]] * 3
    host.scene.wait(tasks, _PATIENCE)
    for _ in range(3):
        host.retrieve(tasks)
    counts = host.scene.studio.counts()
    assert [counts[task["id"]] for task in tasks] == [1, 1, 1]
    assert {each["model_version"] for task in tasks for each in host.scene.studio.stored[task["id"]]} == {host.setup()}
    return "1 prediction each"


def two_projects(host: Hosted) -> str:
    """Each answer has the names of its own labeling config, whichever was set up last."""
    (uri,) = host.scene.put_audio(1, "mixed")
    body = protocol.predict([protocol.task(None, uri)], protocol.PLAIN, PROJECT)
    wait_until(lambda: host.post("/predict", body).json()["results"] != [[]], _PATIENCE, "the transcript is there")
    host.setup(protocol.OTHER, ANOTHER)
    (made,) = host.post("/predict", body).json()["results"]
    assert {(each["from_name"], each["to_name"]) for each in made["result"]} == {("transcription", "audio")}
    assert made["model_version"] == host.setup() and 0 < made["score"] <= 1
    return ", ".join(protocol.texts(made))


def interactive(host: Hosted) -> str:
    """A drawn segment gets its words."""
    (uri,) = host.scene.put_audio(1, "drawn")
    value = {"start": 0.0, "end": 100.0, "channel": 0, "labels": ["Speech"]}
    drawn = {"id": "a", "type": "labels", "from_name": "labels", "to_name": "audio", "value": value}
    body = protocol.predict([protocol.task(None, uri)], protocol.SEGMENTS, PROJECT, {"result": [drawn]})
    (made,) = host.post("/predict", body).json()["results"]
    assert [(each["type"], each["id"]) for each in made["result"]] == [("labels", "a"), ("textarea", "a")]
    return ", ".join(protocol.texts(made))


def start_training(host: Hosted) -> str:
    """Its report, which says here that there is nothing to learn from, is in the bucket."""
    host.webhook("ANNOTATION_CREATED", annotation={"id": 1}, task={"id": 1})
    host.webhook("START_TRAINING")

    def reports() -> Any:
        listed = host.scene.aws.s3.list_objects_v2(Bucket=host.scene.settings["S3_BUCKET"])
        return [each["Key"] for each in listed.get("Contents", []) if "/reports/p1." in each["Key"]]

    return str(wait_until(reports, _PATIENCE, "the training has left a report")[0].rpartition("/")[2])


def imported_tasks(host: Hosted) -> str:
    """Transcribed ahead, where the host passes the webhook on."""
    tasks = host.scene.tasks(2)
    host.webhook("TASKS_CREATED", tasks=[{"id": task["id"]} for task in tasks])
    if host.name == SECOND:
        assert host.server.log.count("SDK 2.x drops TASKS_CREATED") in (1, 2)  # once in each of its two workers
        return "not passed on; said in the log"
    host.scene.wait(tasks, _PATIENCE)
    return "transcribed ahead"


CALLS: tuple[Callable[[Hosted], str], ...] = (
    health, setup, learnt_vocabulary, unfillable_config, late_delivery, two_projects, interactive, start_training,
    imported_tasks,
)  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_each_call_under_each_host(host: Hosted, call: Callable[[Hosted], str]) -> None:
    VERDICTS[call.__name__, host.name] = "FAILED"
    VERDICTS[call.__name__, host.name] = call(host)


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Printed for people."""
    with capsys.disabled():
        print(f"\n{'':18}" + "".join(f"{name:44}" for name in HOSTS))
        for call in CALLS:
            told = (VERDICTS.get((call.__name__, name), "skipped") for name in HOSTS)
            print(f"{call.__name__.replace('_', ' '):18}" + "".join(f"{each[:42]:44}" for each in told))
    assert "FAILED" not in VERDICTS.values()
