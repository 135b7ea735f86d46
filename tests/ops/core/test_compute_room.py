"""Whether more tasks or instances fit in the account's quota of vCPUs, before a plan adds them."""

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from ops.core.aws import Aws
from ops.core.compute_room import build_fargate_need, build_instances_need, read_compute_notes
from ops.core.errors import DeniedError, OpsError
from ops.core.quota_apis import DEFAULT_QUOTA_API, QUOTA_API
from tests.ops.stage import build_stack_outputs


class AnsweringAws:
    """AWS with a quota, and a use of it; an error is raised instead."""

    def __init__(self, limit: float | Exception, used: float | Exception | None) -> None:
        self._limit = limit
        self._used = used
        self.calls: list[str] = []

    def call(self, api: str, *_: Any) -> Any:
        self.calls.append(api)
        if isinstance(self._limit, Exception):
            raise self._limit
        return {"Quota": {"Value": self._limit}}

    def list_items(self, api: str, _key: str, params: Any, *_: Any) -> Any:
        self.calls.append(api)
        if isinstance(self._used, Exception):
            raise self._used
        (query,) = params["MetricDataQueries"]
        yield {"Id": query["Id"], "Values": [] if self._used is None else [self._used]}


def read(limit: float | Exception, used: float | Exception | None, more: float = 4) -> Any:
    aws = AnsweringAws(limit, used)
    need = build_fargate_need(more, 8)
    return read_compute_notes(cast(Aws, aws), build_stack_outputs(), need)


def test_nothing_is_said_if_it_fits_to_the_last() -> None:
    assert read(14, 10) == ()


def test_what_takes_away_asks_nothing() -> None:
    aws = AnsweringAws(14, 10)
    assert (
        read_compute_notes(cast(Aws, aws), build_stack_outputs(), build_instances_need(0, 4)) == ()
    )
    assert aws.calls == []


def test_what_alone_is_more_than_the_quota_is_refused_with_the_request() -> None:
    with pytest.raises(OpsError, match="may have 7 vCPUs of Fargate") as error:
        read(7, 0)
    assert "these alone would be 8" in str(error.value)
    assert error.value.advice == ("ops quotas request L-3032A538 --value 8",)


def test_what_may_not_fit_beside_the_others_is_a_note() -> None:
    (note,) = read(13, 10)
    assert "10 of 13 vCPUs of Fargate in use in the last hour, and this adds 4" in note
    assert note.endswith("ops quotas request L-3032A538 --value 14")


@pytest.mark.parametrize(
    ("limit", "used", "text"),
    [
        (DeniedError("servicequotas:GetServiceQuota is missing"), 1, "The quota of vCPUs"),
        (ClientError({"Error": {"Code": "Throttling"}}, "x"), 1, "The quota of vCPUs"),
        (14, DeniedError("cloudwatch:GetMetricData is missing"), "How many vCPUs of Fargate"),
        (14, None, "CloudWatch has no value"),
    ],
)
def test_what_is_not_known_is_said_and_stops_nothing(limit: Any, used: Any, text: str) -> None:
    (note,) = read(limit, used)
    assert text in note
    assert "not known" in note


def test_a_quota_without_an_applied_value_has_aws_default() -> None:
    class DefaultAws(AnsweringAws):
        def call(self, api: str, *arguments: Any) -> Any:
            if api == QUOTA_API:
                self.calls.append(api)
                raise ClientError({"Error": {"Code": "NoSuchResourceException"}}, "x")
            return super().call(api, *arguments)

    aws = DefaultAws(14, 10)
    assert read_compute_notes(cast(Aws, aws), build_stack_outputs(), build_fargate_need(4, 8)) == ()
    assert aws.calls[:2] == [QUOTA_API, DEFAULT_QUOTA_API]
