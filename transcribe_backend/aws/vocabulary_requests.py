"""The requests about custom vocabularies to AWS Transcribe and S3, one method each. No decisions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import requests
from botocore.exceptions import ClientError

from transcribe_backend.aws.bucket import Bucket
from transcribe_backend.aws.clients import THROTTLES, AWSClients, aws_errors, error_code
from transcribe_backend.errors import AWSError, VocabularyError
from transcribe_backend.settings import Settings
from transcribe_backend.speech.vocabulary import Row, parse_table, table_text

if TYPE_CHECKING:
    from types_boto3_transcribe import TranscribeServiceClient

PENDING, READY, FAILED = "PENDING", "READY", "FAILED"
_PAGE = 100
_DOWNLOAD_SECONDS = 30
_MOST, _MOST_PENDING = 100, 10  # quotas of an account and region (docs.aws.amazon.com, limits-guidelines)


class NameTaken(VocabularyError):
    """There is a vocabulary of that name already."""


class RowsRefused(VocabularyError):
    """AWS refused the content at once; the problem is AWS's message."""


class VocabularyRequests:
    """Vocabularies and their tables in S3_BUCKET, all in its region, where the jobs run too.

    Without a bucket they are in the default region and the phrases travel in the request.
    """

    def __init__(self, clients: AWSClients, settings: Settings) -> None:
        self._clients = clients
        self._bucket = Bucket(clients, settings, "vocabularies")
        self._arn_prefix = ""

    def create(self, name: str, language: Any, rows: Sequence[Row], tags: Mapping[str, str]) -> None:
        """Raises NameTaken, RowsRefused, or VocabularyError when a quota is used up."""
        source = self._source(name, rows)
        with aws_errors(f"create the vocabulary {name}"):
            try:
                self._transcribe().create_vocabulary(
                    VocabularyName=name, LanguageCode=language, Tags=_listed_tags(tags), **source
                )
            except ClientError as error:
                raise self._refusal(error, name) from error

    def update(self, name: str, language: Any, rows: Sequence[Row]) -> None:
        """Replace the content; AWS takes it only of a vocabulary that is not PENDING. Raises RowsRefused."""
        source = self._source(name, rows)
        with aws_errors(f"update the vocabulary {name}"):
            try:
                self._transcribe().update_vocabulary(VocabularyName=name, LanguageCode=language, **source)
            except ClientError as error:
                raise self._refusal(error, name) from error

    def state(self, name: str) -> tuple[str, str]:
        """PENDING, READY or FAILED, and the FailureReason."""
        with aws_errors(f"look at the vocabulary {name}"):
            answer = self._transcribe().get_vocabulary(VocabularyName=name)
        return answer["VocabularyState"], answer.get("FailureReason") or ""

    def listed(self, name: str = "") -> Iterator[Any]:
        """Vocabularies whose name contains `name` (AWS ignores case), page by page."""
        wanted: dict[str, Any] = {"MaxResults": _PAGE}
        if name:
            wanted["NameContains"] = name
        while True:
            with aws_errors("list the custom vocabularies"):
                page = self._transcribe().list_vocabularies(**wanted)
            yield from page.get("Vocabularies", [])
            if not page.get("NextToken"):
                return
            wanted["NextToken"] = page["NextToken"]

    def delete(self, name: str) -> bool:
        """False when AWS has no such vocabulary (any more)."""
        with aws_errors(f"delete the vocabulary {name}"):
            try:
                self._transcribe().delete_vocabulary(VocabularyName=name)
            except ClientError as error:
                if error_code(error) == "NotFoundException":
                    return False
                raise
        return True

    def tags(self, name: str) -> dict[str, str]:
        """The tags of a vocabulary; none when it is gone."""
        with aws_errors(f"read the tags of the vocabulary {name}"):
            try:
                answer = self._transcribe().list_tags_for_resource(ResourceArn=self._arn(name))
            except ClientError as error:
                if error_code(error) == "NotFoundException":
                    return {}
                raise
        return {tag["Key"]: tag["Value"] for tag in answer.get("Tags") or []}

    def tag(self, name: str, tags: Mapping[str, str]) -> None:
        """Set these tags; others stay."""
        with aws_errors(f"tag the vocabulary {name}"):
            self._transcribe().tag_resource(ResourceArn=self._arn(name), Tags=_listed_tags(tags))

    def table(self, name: str) -> tuple[Row, ...]:
        """The rows of a vocabulary: from its table in S3_BUCKET, else as AWS gives them back."""
        if not self._bucket:
            return self._downloaded(name)
        table = self._bucket.read(f"{name}.txt")
        if table is None:
            raise VocabularyError(
                f"The table {self._bucket.uri(f'{name}.txt')} is not there.", remedy="Train the project again."
            )
        return parse_table(table.decode())

    def _downloaded(self, name: str) -> tuple[Row, ...]:
        with aws_errors(f"look at the vocabulary {name}"):
            uri = self._transcribe().get_vocabulary(VocabularyName=name).get("DownloadUri", "")
        try:
            answer = requests.get(uri, timeout=_DOWNLOAD_SECONDS)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise AWSError(f"AWS does not give back the vocabulary {name}.", retryable=True) from error
        return parse_table(answer.content.decode())

    def _source(self, name: str, rows: Sequence[Row]) -> dict[str, Any]:
        """The table as a file, which AWS recommends; as a list it has no DisplayAs."""
        if not self._bucket:
            return {"Phrases": [row.phrase for row in rows]}
        self._bucket.write(f"{name}.txt", table_text(rows).encode(), "text/plain")
        return {"VocabularyFileUri": self._bucket.uri(f"{name}.txt")}

    def _region(self) -> str | None:
        return self._bucket.region or None

    def _transcribe(self) -> "TranscribeServiceClient":
        return self._clients.transcribe(self._region())

    def _arn(self, name: str) -> str:
        """Tags are read and set by ARN; only STS knows the account, and asks no permission for it."""
        if not self._arn_prefix:
            with aws_errors("find out the AWS account"):
                identity = self._clients.sts().get_caller_identity()
            partition = identity["Arn"].split(":")[1]
            self._arn_prefix = (
                f"arn:{partition}:transcribe:{self._region() or self._clients.region}:{identity['Account']}:vocabulary/"
            )
        return self._arn_prefix + name

    def _refusal(self, error: ClientError, name: str) -> Exception:
        code, message = error_code(error), error.response["Error"].get("Message", "")
        if code == "ConflictException":
            return NameTaken(f"There is a vocabulary {name} already.")
        if code == "BadRequestException" and _blames_content(message):
            return RowsRefused(message)
        return self._over_limit(name) if code in THROTTLES else error

    def _over_limit(self, name: str) -> AWSError:
        states = [each["VocabularyState"] for each in self.listed()]
        if len(states) >= _MOST:
            return VocabularyError(
                f"This AWS account holds {len(states)} custom vocabularies and may hold no more; {name} was not made.",
                remedy="Delete vocabularies that nobody uses, or ask AWS for a higher quota.",
            )
        if states.count(PENDING) >= _MOST_PENDING:
            return VocabularyError(
                f"AWS is making {states.count(PENDING)} vocabularies already, as many as it makes at a time.",
                remedy="Train again when they are READY.",
                retryable=True,
            )
        return VocabularyError(
            f"AWS Transcribe accepts no more requests at the moment; {name} was not made.",
            remedy="Train again in a minute.",
            retryable=True,
        )


def _blames_content(message: str) -> bool:
    return any(word in message.lower() for word in ("character", "formatted", "phrase", "row", "term"))


def _listed_tags(tags: Mapping[str, str]) -> Any:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
