"""Fixtures of the sandbox's tests."""

from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from botocore.exceptions import ClientError

from sandbox import clock
from sandbox.aws import get_client, use_in_memory_aws

REGION = "eu-north-1"


class ClientFactory(Protocol):
    """Makes boto3 clients of the in-memory AWS."""

    def __call__(self, service: str, region: str = REGION) -> Any: ...


@pytest.fixture
def aws_client() -> Iterator[ClientFactory]:
    """An empty in-memory AWS, patched; returns its clients."""
    with use_in_memory_aws(REGION):
        yield lambda service, region=REGION: get_client(service, region)


@pytest.fixture
def held_clock() -> Iterator[clock.ManualClock]:
    """A clock that stands still until it is advanced: things take their time."""
    manual_clock = clock.ManualClock()
    previous_clock = clock.set_sandbox_clock(manual_clock)
    yield manual_clock
    clock.set_sandbox_clock(previous_clock)


class RefusalGetter(Protocol):
    """The code of the error that AWS answers a call with; fails where it answers none."""

    def __call__(self, call: Any, **parameters: Any) -> tuple[str, str]: ...


@pytest.fixture
def get_refusal() -> RefusalGetter:
    def call_and_get_error(call: Any, **parameters: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as error_info:
            call(**parameters)
        error = error_info.value.response["Error"]
        return error["Code"], error.get("Message", "")

    return call_and_get_error
