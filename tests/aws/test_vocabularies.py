"""Custom vocabularies against scripted answers of AWS; the Stubber checks requests by AWS's own service model."""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber
from hypothesis import given
from hypothesis import strategies as st

from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.aws.rejected_rows import Sieve
from transcribe_backend.aws.vocabularies import Created, Vocabularies
from transcribe_backend.errors import AccessDenied, AWSError, VocabularyError
from transcribe_backend.settings import Settings
from transcribe_backend.speech.vocabulary import Rejection, Row, table, table_text

ROWS = table(["Xochitl", "Siobhan Gallagher", "AWS"], "en-US").rows
SETTINGS = Settings(s3_bucket="bucket", s3_folder="folder")
PROJECT = "7.1795327377"
NAME = "ls-p7-en-US-"
ARN = "arn:aws:transcribe:us-east-1:123456789012:vocabulary/"
INVALID = "The vocabulary that you're trying to create contains invalid characters or incorrectly formatted terms."


class StubbedClients(AWSClients):
    """Real boto3 clients whose answers are scripted."""

    def __init__(self) -> None:
        super().__init__("us-east-1")
        keys = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
        self._stubbed = {name: boto3.client(name, **keys) for name in ("transcribe", "s3", "sts")}
        self.stubs = {name: Stubber(client) for name, client in self._stubbed.items()}

    def transcribe(self, region: str | None = None) -> Any:
        return self._stubbed["transcribe"]

    def s3(self, region: str | None = None) -> Any:
        return self._stubbed["s3"]

    def sts(self) -> Any:
        return self._stubbed["sts"]


class AWS:
    """What AWS is asked and answers, in order; time passes only when the code sleeps."""

    def __init__(self, settings: Settings = SETTINGS, patience: float = 1800) -> None:
        self.clients = StubbedClients()
        self.now = 0.0
        self.slept: list[float] = []
        self.vocabularies = Vocabularies(
            self.clients, settings, patience=patience, sleep=self._sleep, clock=lambda: self.now
        )
        if settings.s3_bucket:
            region = {"ResponseMetadata": {"HTTPHeaders": {"x-amz-bucket-region": "us-east-1"}}}
            self.clients.stubs["s3"].add_response("head_bucket", region, {"Bucket": settings.s3_bucket})
        identity = {"Account": "123456789012", "Arn": "arn:aws:sts::123456789012:assumed-role/r/s"}
        self.clients.stubs["sts"].add_response("get_caller_identity", identity)
        for stub in self.clients.stubs.values():
            stub.activate()

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def answers(self, operation: str, answer: dict[str, Any], **expected: Any) -> None:
        self.clients.stubs["transcribe"].add_response(operation, answer, expected or None)

    def refuses(self, operation: str, code: str, message: str = "no", status: int = 400) -> None:
        self.clients.stubs["transcribe"].add_client_error(operation, code, message, status)

    def lists(self, **versions: str) -> None:
        """The project's versions: v1="READY"."""
        listed = [{"VocabularyName": NAME + version, "VocabularyState": state} for version, state in versions.items()]
        self.answers("list_vocabularies", {"Vocabularies": listed}, MaxResults=100, NameContains=NAME + "v")

    def tells_tags(self, version: str, **tags: str) -> None:
        listed = [{"Key": key, "Value": value} for key, value in ({"project": PROJECT} | tags).items()]
        self.answers("list_tags_for_resource", {"Tags": listed}, ResourceArn=ARN + NAME + version)

    def takes_state(self, version: str, state: str) -> None:
        self.answers("tag_resource", {}, ResourceArn=ARN + NAME + version, Tags=[{"Key": "state", "Value": state}])

    def takes_candidate(self, version: str, rows: Sequence[Row] = ROWS) -> None:
        self.answers("tag_resource", {}, ResourceArn=ARN + NAME + version, Tags=tags(rows, "candidate"))

    def takes(self, operation: str, version: str, rows: Sequence[Row] = ROWS, whole: Sequence[Row] = ROWS) -> None:
        """A request to create or update with the table of `rows`; `whole` is what the training asked for."""
        self.takes_table(version, rows)
        self.answers(operation, {}, **source(operation, version, whole))

    def refuses_rows(self, operation: str, version: str, rows: Sequence[Row] = ROWS) -> None:
        self.takes_table(version, rows)
        self.refuses(operation, "BadRequestException", INVALID)

    def takes_table(self, version: str, rows: Sequence[Row] = ROWS) -> None:
        where = {"Bucket": "bucket", "Key": f"folder/vocabularies/{NAME}{version}.txt"}
        expected = {**where, "Body": table_text(rows).encode(), "ContentType": "text/plain"}
        self.clients.stubs["s3"].add_response("put_object", {}, expected)

    def becomes(self, version: str, *states: str, reason: str = INVALID) -> None:
        for state in states:
            answer = {"VocabularyState": state} | ({"FailureReason": reason} if state == "FAILED" else {})
            self.answers("get_vocabulary", answer, VocabularyName=NAME + version)


def digest(rows: Sequence[Row]) -> str:
    return hashlib.sha256(table_text(rows).encode()).hexdigest()[:40]


def tags(rows: Sequence[Row], state: str) -> list[dict[str, str]]:
    values = {"project": PROJECT, "language": "en-US", "digest": digest(rows), "state": state}
    return [{"Key": key, "Value": value} for key, value in values.items()]


def source(operation: str, version: str, rows: Sequence[Row]) -> dict[str, Any]:
    request: dict[str, Any] = {
        "VocabularyName": NAME + version,
        "LanguageCode": "en-US",
        "VocabularyFileUri": f"s3://bucket/folder/vocabularies/{NAME}{version}.txt",
    }
    return request | ({"Tags": tags(rows, "building")} if operation == "create_vocabulary" else {})


@pytest.fixture
def make() -> Iterator[Callable[..., AWS]]:
    """A scripted AWS; every answer must have been asked for."""
    made: list[AWS] = []

    def add(**options: Any) -> AWS:
        made.append(AWS(**options))
        return made[-1]

    yield add
    for aws in made:
        aws.clients.stubs["transcribe"].assert_no_pending_responses()
        aws.clients.stubs["s3"].assert_no_pending_responses()


@pytest.fixture
def aws(make: Callable[..., AWS]) -> AWS:
    return make()


def test_create_writes_the_table_waits_longer_and_longer_and_marks_a_candidate(aws: AWS) -> None:
    aws.lists()
    aws.takes("create_vocabulary", "v1")
    aws.becomes("v1", *["PENDING"] * 7, "READY")
    aws.takes_candidate("v1")
    assert aws.vocabularies.create(PROJECT, "en-US", ROWS) == Created("ls-p7-en-US-v1")
    assert aws.slept == [1, 2, 4, 8, 16, 30, 30]


def test_without_a_bucket_the_phrases_travel_in_the_request(make: Callable[..., AWS]) -> None:
    aws = make(settings=Settings())
    aws.lists()
    phrases = ["Xochitl", "Siobhan-Gallagher", "A.W.S."]
    request = source("create_vocabulary", "v1", ROWS) | {"Phrases": phrases}
    del request["VocabularyFileUri"]
    aws.answers("create_vocabulary", {}, **request)
    aws.becomes("v1", "READY")
    aws.takes_candidate("v1")
    assert aws.vocabularies.create(PROJECT, "en-US", ROWS) == Created("ls-p7-en-US-v1")


def test_the_kms_key_encrypts_the_table(make: Callable[..., AWS]) -> None:
    aws = make(settings=replace(SETTINGS, s3_kms_key="key-1"))
    encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key-1"}
    aws.clients.stubs["s3"].add_response(
        "put_object", {}, {"Bucket": ANY, "Key": ANY, "Body": ANY, "ContentType": ANY, **encrypted}
    )
    aws.lists()
    aws.answers("create_vocabulary", {})
    aws.becomes("v1", "READY")
    aws.takes_candidate("v1")
    aws.vocabularies.create(PROJECT, "en-US", ROWS)


def test_a_new_version_gets_the_next_number_whatever_became_of_the_last(aws: AWS) -> None:
    aws.lists(v9="READY", v11="FAILED", v2="READY")
    aws.tells_tags("v11", state="candidate", digest="another")
    for version in ("v9", "v2"):
        aws.tells_tags(version, state="rejected", digest="another")
    aws.takes("create_vocabulary", "v12")
    aws.becomes("v12", "READY")
    aws.takes_candidate("v12")
    assert aws.vocabularies.create(PROJECT, "en-US", ROWS).name == "ls-p7-en-US-v12"


def test_the_same_rows_again_are_the_same_version(aws: AWS) -> None:
    aws.lists(v3="READY")
    aws.tells_tags("v3", state="rejected", digest=digest(ROWS))
    assert aws.vocabularies.create(PROJECT, "en-US", ROWS) == Created("ls-p7-en-US-v3")


def test_so_are_those_of_a_version_before_the_last(aws: AWS) -> None:
    aws.lists(v4="READY", v3="READY")
    aws.tells_tags("v4", state="rejected", digest="another")
    aws.tells_tags("v3", state="rejected", digest=digest(ROWS))
    assert aws.vocabularies.create(PROJECT, "en-US", ROWS) == Created("ls-p7-en-US-v3")


def test_a_version_older_than_the_one_in_use_is_made_anew(aws: AWS) -> None:
    aws.lists(v2="READY", v1="READY")
    aws.tells_tags("v2", state="promoted", digest="another")
    aws.takes("create_vocabulary", "v3")
    aws.becomes("v3", "READY")
    aws.takes_candidate("v3")
    assert aws.vocabularies.create(PROJECT, "en-US", ROWS) == Created("ls-p7-en-US-v3")


def test_all_names_that_a_project_ever_had(aws: AWS) -> None:
    aws.lists(v4="READY", v3="READY")
    assert aws.vocabularies.names(PROJECT, "en-US") == [f"ls-p7-en-US-v{number}" for number in (4, 3, 2, 1)]


def test_an_unfinished_version_is_taken_over(aws: AWS) -> None:
    aws.lists(v3="PENDING")
    aws.tells_tags("v3", state="building", digest="of an earlier training")
    aws.becomes("v3", "PENDING", "READY")
    aws.takes("update_vocabulary", "v3")
    aws.becomes("v3", "PENDING", "READY")
    aws.takes_candidate("v3")
    assert aws.vocabularies.create(PROJECT, "en-US", ROWS) == Created("ls-p7-en-US-v3")


def test_a_conflict_with_the_same_rows_is_our_own_request_seen_twice(aws: AWS) -> None:
    aws.lists()
    aws.takes_table("v1")
    aws.refuses("create_vocabulary", "ConflictException", status=409)
    aws.tells_tags("v1", state="building", digest=digest(ROWS))
    aws.becomes("v1", "PENDING", "READY")
    aws.takes("update_vocabulary", "v1")
    aws.becomes("v1", "READY")
    aws.takes_candidate("v1")
    assert aws.vocabularies.create(PROJECT, "en-US", ROWS) == Created("ls-p7-en-US-v1")


def test_a_conflict_with_other_rows_takes_the_next_name(aws: AWS) -> None:
    aws.lists()
    aws.takes_table("v1")
    aws.refuses("create_vocabulary", "ConflictException", status=409)
    aws.tells_tags("v1", digest="another")
    aws.takes("create_vocabulary", "v2")
    aws.becomes("v2", "READY")
    aws.takes_candidate("v2")
    assert aws.vocabularies.create(PROJECT, "en-US", ROWS) == Created("ls-p7-en-US-v2")


def test_a_row_that_the_failure_names_is_dropped(aws: AWS) -> None:
    reason = "The vocabulary can't be processed. Row 2: the phrase 'Siobhan-Gallagher' contains a wrong character."
    rest = [ROWS[0], ROWS[2]]
    aws.lists()
    aws.takes("create_vocabulary", "v1")
    aws.becomes("v1", "PENDING", "FAILED", reason=reason)
    aws.takes("update_vocabulary", "v1", rest)
    aws.becomes("v1", "READY")
    aws.takes_candidate("v1")
    created = aws.vocabularies.create(PROJECT, "en-US", ROWS)
    assert created.dropped == (Rejection("Siobhan Gallagher", reason),)


def test_rows_that_no_failure_names_are_found_by_halving(aws: AWS) -> None:
    aws.lists()
    aws.takes("create_vocabulary", "v1")
    aws.becomes("v1", "FAILED")
    for rows, state in (([ROWS[0]], "READY"), (ROWS[1:], "FAILED"), ([ROWS[1]], "FAILED"), ([ROWS[2]], "READY")):
        aws.takes("update_vocabulary", "v1", rows)
        aws.becomes("v1", state)
    aws.takes("update_vocabulary", "v1", [ROWS[0], ROWS[2]])
    aws.becomes("v1", "READY")
    aws.takes_candidate("v1")
    created = aws.vocabularies.create(PROJECT, "en-US", ROWS)
    assert created == Created("ls-p7-en-US-v1", (Rejection("Siobhan Gallagher", INVALID),))


def test_rows_that_the_request_itself_is_refused_for_are_found_too(aws: AWS) -> None:
    aws.lists()
    aws.refuses_rows("create_vocabulary", "v1")
    aws.refuses_rows("create_vocabulary", "v1", [ROWS[0]])
    aws.takes("create_vocabulary", "v1", ROWS[1:])
    aws.becomes("v1", "READY")
    aws.takes_candidate("v1")
    assert aws.vocabularies.create(PROJECT, "en-US", ROWS).dropped == (Rejection("Xochitl", INVALID),)


def test_when_every_row_is_refused_nothing_is_left_behind(aws: AWS) -> None:
    aws.lists()
    aws.takes("create_vocabulary", "v1", ROWS[:1], ROWS[:1])
    aws.becomes("v1", "FAILED")
    aws.answers("delete_vocabulary", {}, VocabularyName="ls-p7-en-US-v1")
    with pytest.raises(VocabularyError, match="refuses every row.*invalid characters"):
        aws.vocabularies.create(PROJECT, "en-US", ROWS[:1])


def test_a_table_that_aws_cannot_read_is_no_fault_of_its_rows(aws: AWS) -> None:
    aws.lists()
    aws.takes("create_vocabulary", "v1")
    aws.becomes("v1", "FAILED", reason="The S3 file can't be accessed.")
    with pytest.raises(VocabularyError, match="cannot read the table") as caught:
        aws.vocabularies.create(PROJECT, "en-US", ROWS)
    assert "S3_BUCKET" in caught.value.remedy


def test_patience_ends(make: Callable[..., AWS]) -> None:
    aws = make(patience=10)
    aws.lists()
    aws.takes("create_vocabulary", "v1")
    aws.becomes("v1", *["PENDING"] * 4)
    with pytest.raises(VocabularyError, match="within 10 s") as caught:
        aws.vocabularies.create(PROJECT, "en-US", ROWS)
    assert caught.value.retryable and aws.slept == [1, 2, 4]


@pytest.mark.parametrize(
    ("states", "problem", "retryable"),
    [
        (["READY"] * 100, "holds 100 custom vocabularies", False),
        (["PENDING"] * 10 + ["READY"] * 5, "making 10 vocabularies", True),
        ([], "no more requests", True),
    ],
)
def test_every_limit_is_told_apart(aws: AWS, states: list[str], problem: str, retryable: bool) -> None:
    aws.lists()
    aws.takes_table("v1")
    aws.refuses("create_vocabulary", "LimitExceededException", status=429)
    others = [{"VocabularyName": f"v{number}", "VocabularyState": state} for number, state in enumerate(states)]
    half = len(others) // 2
    aws.answers("list_vocabularies", {"Vocabularies": others[:half], "NextToken": "more"}, MaxResults=100)
    aws.answers("list_vocabularies", {"Vocabularies": others[half:]}, MaxResults=100, NextToken="more")
    with pytest.raises(VocabularyError, match=problem) as caught:
        aws.vocabularies.create(PROJECT, "en-US", ROWS)
    assert caught.value.retryable is retryable and caught.value.remedy


def test_other_refusals_keep_their_kind(aws: AWS) -> None:
    aws.refuses("list_vocabularies", "AccessDeniedException", "not authorized")
    with pytest.raises(AccessDenied):
        aws.vocabularies.create(PROJECT, "en-US", ROWS)
    aws.lists()
    aws.takes_table("v1")
    aws.refuses("create_vocabulary", "BadRequestException", "The specified URI is wrong.")
    with pytest.raises(AWSError, match="URI is wrong"):
        aws.vocabularies.create(PROJECT, "en-US", ROWS)


def test_only_this_projects_versions_in_this_language_count(aws: AWS) -> None:
    names = ["ls-p7-en-US-v2", "ls-p7-EN-US-v3", "ls-p7-en-US-v4-old", "xls-p7-en-US-v5", "ls-p7-en-US-v10"]
    first, second = names[:2], names[2:]
    listed = [[{"VocabularyName": name, "VocabularyState": "READY"} for name in page] for page in (first, second)]
    aws.answers("list_vocabularies", {"Vocabularies": listed[0], "NextToken": "2"})
    aws.answers("list_vocabularies", {"Vocabularies": listed[1]})
    assert [version.number for version in aws.vocabularies.versions(PROJECT, "en-US")] == [10, 2]


def test_the_newest_ready_promoted_version_is_in_use(aws: AWS) -> None:
    aws.lists(v1="READY", v2="READY", v3="READY", v4="FAILED")
    aws.tells_tags("v3", state="rejected")
    aws.tells_tags("v2", state="promoted")
    assert aws.vocabularies.promoted(PROJECT, "en-US") == "ls-p7-en-US-v2"


def test_the_versions_of_another_label_studio_are_left_alone(aws: AWS) -> None:
    other = "7.1600000000"
    aws.lists(v1="READY")
    aws.tells_tags("v1", state="promoted", project=other)
    assert aws.vocabularies.promoted(PROJECT, "en-US") is None
    aws.lists(v1="READY")
    aws.tells_tags("v1", state="promoted", project=other)
    assert aws.vocabularies.promoted("7", "en-US") == "ls-p7-en-US-v1"
    aws.lists(v1="READY")
    aws.tells_tags("v1", state="building", digest=digest(ROWS), project=other)
    aws.takes("create_vocabulary", "v2")
    aws.becomes("v2", "READY")
    aws.takes_candidate("v2")
    assert aws.vocabularies.create(PROJECT, "en-US", ROWS) == Created("ls-p7-en-US-v2")
    aws.lists(v1="READY", v2="READY", v3="READY")
    aws.lists(v1="READY", v2="READY", v3="READY")
    for version in ("v3", "v2", "v1"):
        aws.tells_tags(version, state="promoted", project=PROJECT if version != "v1" else other)
    assert aws.vocabularies.prune(PROJECT, "en-US") == []


def test_without_versions_nothing_but_the_list_is_asked(aws: AWS) -> None:
    aws.lists()
    assert aws.vocabularies.promoted(PROJECT, "en-US") is None


def test_a_version_deleted_meanwhile_is_passed_over(aws: AWS) -> None:
    aws.lists(v1="READY")
    aws.refuses("list_tags_for_resource", "NotFoundException")
    assert aws.vocabularies.promoted(PROJECT, "en-US") is None


def test_promotion_and_rejection_are_one_tag(aws: AWS) -> None:
    aws.takes_state("v3", "promoted")
    aws.takes_state("v4", "rejected")
    aws.vocabularies.promote("ls-p7-en-US-v3")
    aws.vocabularies.reject("ls-p7-en-US-v4")


def test_rollback_leads_to_the_version_promoted_before(aws: AWS) -> None:
    aws.lists(v1="READY", v2="READY", v3="READY")
    aws.tells_tags("v3", state="promoted")
    aws.takes_state("v3", "withdrawn")
    aws.lists(v1="READY", v2="READY", v3="READY")
    aws.tells_tags("v3", state="withdrawn")
    aws.tells_tags("v2", state="rejected")
    aws.tells_tags("v1", state="promoted")
    assert aws.vocabularies.rollback(PROJECT, "en-US") == "ls-p7-en-US-v1"


def test_rollback_without_a_version_in_use_says_so(aws: AWS) -> None:
    aws.lists()
    with pytest.raises(VocabularyError, match="no learnt vocabulary in en-US"):
        aws.vocabularies.rollback(PROJECT, "en-US")


def test_prune_keeps_the_last_two_the_one_in_use_and_the_one_before_it(aws: AWS) -> None:
    states = {"v1": "promoted", "v2": "promoted", "v3": "promoted", "v4": "rejected", "v5": "rejected"}
    versions = dict.fromkeys(states, "READY") | {"v6": "READY"}
    aws.lists(**versions)
    aws.lists(**versions)
    for version in ("v6", "v5", "v4", "v3", "v2", "v4", "v1"):
        aws.tells_tags(version, state=states.get(version, "candidate"))
    aws.answers("delete_vocabulary", {}, VocabularyName="ls-p7-en-US-v4")
    aws.refuses("delete_vocabulary", "NotFoundException")
    assert aws.vocabularies.prune(PROJECT, "en-US") == ["ls-p7-en-US-v4"]


def test_prune_keeps_what_waits_for_a_person(aws: AWS) -> None:
    versions = {f"v{number}": "READY" for number in range(1, 5)}
    aws.lists(**versions)
    aws.lists(**versions)
    for version, state in (("v4", "rejected"), ("v3", "rejected"), ("v2", "waiting"), ("v1", "rejected")):
        aws.tells_tags(version, state=state)
    aws.tells_tags("v2", state="waiting")
    aws.tells_tags("v1", state="rejected")
    aws.answers("delete_vocabulary", {}, VocabularyName="ls-p7-en-US-v1")
    assert aws.vocabularies.prune(PROJECT, "en-US") == ["ls-p7-en-US-v1"]


def test_prune_never_touches_the_last_ready_version(aws: AWS) -> None:
    aws.lists(v1="READY", v2="FAILED", v3="FAILED")
    assert aws.vocabularies.prune(PROJECT, "en-US") == []


def test_the_rows_of_a_version_are_read_from_its_table(aws: AWS) -> None:
    body = StreamingBody(io.BytesIO(table_text(ROWS).encode()), len(table_text(ROWS).encode()))
    expected = {"Bucket": "bucket", "Key": "folder/vocabularies/ls-p7-en-US-v3.txt"}
    aws.clients.stubs["s3"].add_response("get_object", {"Body": body}, expected)
    assert aws.vocabularies.rows("ls-p7-en-US-v3") == ROWS


@given(st.sets(st.integers(0, 63)), st.integers(1, 64))
def test_halving_finds_exactly_the_bad_rows(bad: set[int], size: int) -> None:
    rows = [Row(f"w{chr(97 + at // 26)}{chr(97 + at % 26)}", "") for at in range(size)]
    offered: list[Sequence[Row]] = []

    def attempt(some: Sequence[Row]) -> str:
        offered.append(some)
        return INVALID if any(rows.index(row) in bad for row in some) else ""

    sieve = Sieve(attempt, attempts=200)
    good = sieve.sift(rows)
    assert good == [row for at, row in enumerate(rows) if at not in bad]
    assert not good or offered[-1] == good
    assert {each.written for each in sieve.dropped} == {row.phrase for row in rows} - {row.phrase for row in good}


def test_attempts_are_bounded_and_what_was_not_tried_is_told() -> None:
    rows = [Row(f"w{chr(97 + at)}", "") for at in range(16)]
    offered: list[Sequence[Row]] = []

    def attempt(some: Sequence[Row]) -> str:
        offered.append(some)
        return INVALID if rows[0] in some else ""

    sieve = Sieve(attempt, attempts=4)
    assert sieve.sift(rows) == []
    assert len(offered) == 4
    assert any("not tried" in each.reason for each in sieve.dropped)
