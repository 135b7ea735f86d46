"""Whether a restore fits in RDS's quotas: refused if it certainly does not, said if not known."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from ops.core.aws import Aws
from ops.core.errors import DeniedError, OpsError
from ops.recovery.instance_room import read_room_notes
from tests.ops.stage import REGION


class AnsweringAws:
    """AWS with one answer of RDS."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self._answer = answer

    def call(self, *_: Any) -> Any:
        return self._answer()


def read(instances: tuple[int, int], storage: tuple[int, int], gib: float | None) -> Any:
    quotas = [
        {"AccountQuotaName": name, "Used": used, "Max": limit}
        for name, (used, limit) in {"DBInstances": instances, "AllocatedStorage": storage}.items()
    ]
    aws = cast(Aws, AnsweringAws(lambda: {"AccountQuotas": quotas}))
    return read_room_notes(aws, REGION, gib)


def test_nothing_is_said_if_it_fits_to_the_last() -> None:
    assert read((39, 40), (900, 1000), 100) == ()


@pytest.mark.parametrize(
    ("instances", "storage", "message", "command"),
    [
        ((40, 40), (0, 1000), "40 DB instances", f"L-7B6409FD --value 41 --in {REGION}"),
        ((1, 40), (901, 1000), "901 GiB of storage", f"L-7ADDB58A --value 1001 --in {REGION}"),
        (
            (1, 40),
            (1234500, 1234567),
            "1234500 GiB of storage",
            f"L-7ADDB58A --value 1234600 --in {REGION}",
        ),
    ],
)
def test_what_certainly_does_not_fit_is_refused_with_the_request(
    instances: tuple[int, int], storage: tuple[int, int], message: str, command: str
) -> None:
    with pytest.raises(OpsError, match=message) as error:
        read(instances, storage, 100)
    assert error.value.advice == (f"ops quotas request {command}",)


@pytest.mark.parametrize(
    "error",
    [
        DeniedError("rds:DescribeAccountAttributes is missing"),
        ClientError({"Error": {"Code": "Throttling", "Message": "slow"}}, "x"),
    ],
    ids=["denied", "throttled"],
)
def test_what_is_not_known_is_said_and_stops_no_recovery(error: Exception) -> None:
    def fail() -> Any:
        raise error

    (note,) = read_room_notes(cast(Aws, AnsweringAws(fail)), REGION, 100)
    assert "is not known" in note


def test_a_quota_that_rds_does_not_name_is_said() -> None:
    aws = cast(Aws, AnsweringAws(lambda: {"AccountQuotas": []}))
    (note,) = read_room_notes(aws, REGION, 100)
    assert "does not say" in note
