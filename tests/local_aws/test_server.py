"""The stand-in as a program and as an HTTP server: browsers, presigned URLs, ports, signals."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import requests

from harness import ROOT
from harness.aws import LocalAWS, local_aws
from local_aws.s3_operations import operation

ORIGIN = {"Origin": "http://label-studio:8080"}


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAWS]:
    with local_aws() as running:
        running.s3.create_bucket(Bucket="audio")
        running.s3.put_object(Bucket="audio", Key="a b/ü.wav", Body=b"0123456789")
        yield running


def presigned(aws: LocalAWS) -> str:
    return str(aws.s3.generate_presigned_url("get_object", Params={"Bucket": "audio", "Key": "a b/ü.wav"}))


def test_browsers_may_play_from_presigned_urls(aws: LocalAWS) -> None:
    whole = requests.get(presigned(aws), headers=ORIGIN, timeout=10)
    assert whole.content == b"0123456789"
    assert whole.headers["Access-Control-Allow-Origin"] == "*"
    part = requests.get(presigned(aws), headers={**ORIGIN, "Range": "bytes=2-4"}, timeout=10)
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["Content-Range"] == "bytes 2-4/10"
    assert "Content-Range" in part.headers["Access-Control-Expose-Headers"]


def test_browsers_may_ask_first(aws: LocalAWS) -> None:
    asked = {**ORIGIN, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range"}
    answer = requests.options(presigned(aws), headers=asked, timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "GET" in answer.headers["Access-Control-Allow-Methods"]


def test_objects_are_private(aws: LocalAWS) -> None:
    assert requests.get(f"{aws.url}/audio/a%20b/%C3%BC.wav", timeout=10).status_code == 403


def test_presigned_urls_of_both_versions_expire(aws: LocalAWS) -> None:
    url = presigned(aws)
    late = re.sub(r"Expires=\d+", "Expires=1", url) if "X-Amz-Date" not in url else url.replace("Date=20", "Date=19")
    v4 = "X-Amz-Credential=a/20200101/us-east-1/s3/aws4_request&X-Amz-Date=20200101T000000Z&X-Amz-Expires=60"
    for expired in (late, f"{url.partition('?')[0]}?{v4}&X-Amz-Signature=0"):
        answer = requests.get(expired, timeout=10)
        assert answer.status_code == 403
        assert "Request has expired" in answer.text


def test_queues_are_there(aws: LocalAWS) -> None:
    queues = aws.client("sqs")
    url = queues.create_queue(QueueName="events")["QueueUrl"]
    queues.send_message(QueueUrl=url, MessageBody="hello")
    (message,) = queues.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == "hello"
    assert aws.calls()["sqs"] == {"CreateQueue": 1, "SendMessage": 1, "ReceiveMessage": 1}


def test_what_is_no_json_and_what_does_not_exist(aws: LocalAWS) -> None:
    for target, body, code in (
        ("Transcribe.ListTranscriptionJobs", "{", "BadRequestException"),
        ("Transcribe.ListTranscriptionJobs", "[]", "BadRequestException"),
        ("Transcribe.MakeCoffee", "{}", "UnknownOperationException"),
        ("Transcribe.ListCallAnalyticsJobs", "{}", "UnknownOperationException"),
    ):
        answer = requests.post(aws.url, data=body, headers={"X-Amz-Target": target}, timeout=10)
        assert (answer.status_code, answer.json()["__type"]) == (400, code)


def test_a_busy_port_is_told_in_one_sentence(aws: LocalAWS) -> None:
    command = [sys.executable, "-m", "local_aws", "--recognizer", "scripted", "--port", str(aws.port)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1 and run.stdout == ""
    assert run.stderr == (
        f"local_aws: port {aws.port} of 127.0.0.1 is in use; stop what listens there or choose another --port.\n"
    )


def test_it_ends_when_told() -> None:
    with local_aws() as running:
        running.program.process.terminate()
        assert running.program.process.wait(30) == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(running.url, timeout=10)


@pytest.mark.parametrize(
    ("method", "path", "query", "copies", "name"),
    [
        ("GET", "/", "", False, "ListBuckets"),
        ("PUT", "/b", "", False, "CreateBucket"),
        ("HEAD", "/b", "", False, "HeadBucket"),
        ("GET", "/b", "", False, "ListObjects"),
        ("GET", "/b", "list-type=2&prefix=a", False, "ListObjectsV2"),
        ("GET", "/b", "location", False, "GetBucketLocation"),
        ("POST", "/b", "delete", False, "DeleteObjects"),
        ("GET", "/b/k/l", "", False, "GetObject"),
        ("GET", "/b/k", "X-Amz-Expires=1", False, "GetObject"),
        ("HEAD", "/b/k", "", False, "HeadObject"),
        ("PUT", "/b/k", "", False, "PutObject"),
        ("PUT", "/b/k", "", True, "CopyObject"),
        ("PUT", "/b/k", "tagging", False, "PutObjectTagging"),
        ("POST", "/b/k", "uploads", False, "CreateMultipartUpload"),
        ("PUT", "/b/k", "uploadId=1&partNumber=1", False, "UploadPart"),
        ("POST", "/b/k", "uploadId=1", False, "CompleteMultipartUpload"),
        ("DELETE", "/b/k", "", False, "DeleteObject"),
    ],
)
def test_names_of_s3_operations(method: str, path: str, query: str, copies: bool, name: str) -> None:
    assert operation(method, path, query, copies) == name
