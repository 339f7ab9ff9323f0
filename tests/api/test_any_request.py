"""Whatever is sent, to whatever route: an answer in the protocol's shape, never a 500 or a traceback."""

import json
import random
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import grammar

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.sampled_from(grammar.AUDIO),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(grammar.NAMES) | st.text(max_size=8), inner)
    ),
    max_leaves=20,
)
PROPERTY = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def hasty(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    """A client that hardly waits for jobs."""
    return make_client(predict_wait=0.0, interactive_wait=0.0)


def check(client: FlaskClient, method: str, path: str, body: object) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.open(path, method=method, data=data, content_type="application/json")
    assert answer.status_code < 500, answer.text
    assert "Traceback" not in answer.text
    if (method, path, answer.status_code) == ("POST", "/predict", 200):
        assert len(answer.json["results"]) == len(json.loads(data)["tasks"])


@PROPERTY
@given(body=JSON, path=st.sampled_from(grammar.ROUTES), method=st.sampled_from(grammar.METHODS))
def test_any_json(hasty: FlaskClient, body: object, path: str, method: str) -> None:
    check(hasty, method, path, body)


@PROPERTY
@given(seed=st.integers(0, 2**32))
def test_nearly_right_requests(hasty: FlaskClient, seed: int) -> None:
    check(hasty, *grammar.request(random.Random(seed)))  # noqa: S311 - not for secrets
