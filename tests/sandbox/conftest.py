"""Fixtures of the sandbox's tests."""

from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from botocore.exceptions import ClientError

from sandbox import clock
from sandbox.aws import get_client, use_in_memory_aws

REGION = "eu-north-1"


class Clients(Protocol):
    """Makes boto3 clients of the in-memory AWS."""

    def __call__(self, service: str, region: str = REGION) -> Any: ...


@pytest.fixture
def mended() -> Iterator[Clients]:
    """An empty in-memory AWS, mended; gives its clients."""
    with use_in_memory_aws(REGION):
        yield lambda service, region=REGION: get_client(service, region)


@pytest.fixture
def held() -> Iterator[clock.ManualClock]:
    """A clock that stands still until it is advanced: things take their time."""
    now = clock.ManualClock()
    before = clock.set_sandbox_clock(now)
    yield now
    clock.set_sandbox_clock(before)


class Refusal(Protocol):
    """The code of the error that AWS answers a call with; fails where it answers none."""

    def __call__(self, call: Any, **parameters: Any) -> tuple[str, str]: ...


@pytest.fixture
def refused() -> Refusal:
    def refused(call: Any, **parameters: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            call(**parameters)
        error = caught.value.response["Error"]
        return error["Code"], error.get("Message", "")

    return refused
