"""boto3's settings that cannot be used."""

from collections.abc import Callable
from typing import Any

import pytest

from transcribe_backend.aws.clients import AWSClients
from transcribe_backend.errors import AWSError


@pytest.mark.parametrize(
    "use", [lambda clients: clients.region, lambda clients: clients.s3(), lambda clients: clients.check_credentials()]
)
def test_a_profile_that_does_not_exist_is_told(
    use: Callable[[AWSClients], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "absent")
    with pytest.raises(AWSError, match="absent"):
        use(AWSClients())
