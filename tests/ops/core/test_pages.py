"""Lists are read to their end, also those that botocore has no paginator for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import botocore.session
import pytest
from botocore import xform_name

from ops.core.aws import PAGE_TOKENS, Aws, is_read_call
from ops.core.errors import OpsError
from ops.permissions.apis import API_GRANTS
from tests.ops.stage import REGION

DEPLOYMENTS_API = "ecs.list_service_deployments"
DEPLOYMENTS_KEY = "serviceDeployments"


class PagedClient:
    """A client whose answers are given, and that has no paginator."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self.pages, self.requests = iter(pages), list[dict[str, Any]]()

    def can_paginate(self, operation: str) -> bool:
        return False

    def list_service_deployments(self, **params: Any) -> dict[str, Any]:
        self.requests.append(params)
        return next(self.pages)


@contextmanager
def answer_pages(*pages: dict[str, Any]) -> Iterator[tuple[Aws, PagedClient]]:
    client = PagedClient(*pages)
    with patch.object(Aws, "client", lambda *_: client):
        yield Aws(REGION), client


@pytest.mark.parametrize("token_name", PAGE_TOKENS)
def test_a_list_without_paginator_is_read_to_its_end(token_name: str) -> None:
    pages: list[dict[str, Any]] = [
        {DEPLOYMENTS_KEY: [1, 2], token_name: "a"},
        {DEPLOYMENTS_KEY: [3]},
    ]
    with answer_pages(*pages) as (aws, client):
        assert aws.call(DEPLOYMENTS_API, {"service": "backend"}) == {
            DEPLOYMENTS_KEY: [1, 2, 3],
        }
        assert client.requests == [{"service": "backend"}, {"service": "backend", token_name: "a"}]
    with answer_pages(*pages) as (aws, client):
        assert list(aws.list_items(DEPLOYMENTS_API, DEPLOYMENTS_KEY)) == [1, 2, 3]
    with answer_pages(*pages) as (aws, client):
        first = aws.list_first_items(DEPLOYMENTS_API, DEPLOYMENTS_KEY, {}, None, 1)
        assert first == ([1, 2], True)
        assert len(client.requests) == 1


def test_a_page_whose_size_is_given_is_the_only_one() -> None:
    with answer_pages({DEPLOYMENTS_KEY: [1], "nextToken": "a"}) as (aws, client):
        assert aws.call(DEPLOYMENTS_API, {"maxResults": 1}) == {
            DEPLOYMENTS_KEY: [1],
            "nextToken": "a",
        }
        assert client.requests == [{"maxResults": 1}]


def test_the_same_token_twice_is_an_error() -> None:
    page = {DEPLOYMENTS_KEY: [1], "nextToken": "a"}
    with (
        answer_pages(page, page, page) as (aws, _),
        pytest.raises(OpsError, match="twice with the same token"),
    ):
        aws.call(DEPLOYMENTS_API, {})


def list_unpaginated_tokens() -> dict[str, set[tuple[str, bool]]]:
    """Tokens in the answers of reads without a paginator, and whether a request takes them."""
    session = botocore.session.get_session()
    tokens: dict[str, set[tuple[str, bool]]] = {}
    for api in filter(is_read_call, API_GRANTS):
        service, operation = api.split(".")
        model = session.get_service_model(service)
        names = {xform_name(name): name for name in model.operation_names}
        shapes = model.operation_model(names[operation])
        try:
            session.get_paginator_model(service).get_paginator(names[operation])
        except ValueError:
            inputs = shapes.input_shape.members if shapes.input_shape else {}
            outputs = shapes.output_shape.members if shapes.output_shape else {}
            tokens[api] = {(name, name in inputs) for name in outputs if "token" in name.lower()}
    return {api: names for api, names in tokens.items() if names}


def test_every_read_of_ops_has_a_paginator_or_a_token_that_is_followed() -> None:
    tokens = list_unpaginated_tokens()
    assert {DEPLOYMENTS_API, "autoscaling.describe_instance_refreshes"} <= tokens.keys()
    # For optimistic locking by a later change, not of a page: botocore's text on GetWebACL.
    lock_tokens = {"wafv2.get_web_acl": {("LockToken", False)}}
    assert {api: tokens.pop(api, set()) for api in lock_tokens} == lock_tokens
    page_tokens = {(name, True) for name in PAGE_TOKENS}
    assert {api: names - page_tokens for api, names in tokens.items() if names - page_tokens} == {}
