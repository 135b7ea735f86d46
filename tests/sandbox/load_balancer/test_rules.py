"""Conditions and redirects of listener rules, as the load balancer of the sandbox reads them."""

from dataclasses import replace
from typing import Any

import pytest

from sandbox import load_balancer as balancer
from sandbox.clock import ManualClock
from sandbox.load_balancer.rules import (
    HttpRequest,
    ListenerRule,
    build_redirect_url,
    find_matching_rule,
    is_condition_met,
    matches_pattern,
)
from tests.sandbox.conftest import ClientFactory
from tests.sandbox.load_balancer.balanced_service import BalancedService

SAMPLE_REQUEST = HttpRequest(
    method="GET",
    protocol="HTTP",
    host="app.example.com",
    port=80,
    path="/img/a.png",
    query="version=V1&dark&x=%2A",
    headers={"user-agent": "Mozilla/5.0 Chrome", "x": ""},
    source="198.51.100.7",
)


def build_condition(field: str, *values: Any, **extra_config: Any) -> dict[str, Any]:
    name = "".join(word.capitalize() for word in field.split("-")) + "Config"
    return {"Field": field, name: {"Values": list(values), **extra_config}}


@pytest.mark.parametrize(
    ("rule_condition", "fits"),
    [
        (build_condition("path-pattern", "/img/*"), True),
        (build_condition("path-pattern", "/img/?.png", "/none"), True),
        (build_condition("path-pattern", "/img"), False),
        (build_condition("path-pattern", "/IMG/*"), False),  # paths are case-sensitive
        (build_condition("path-pattern", "/img/a.pn."), False),  # and no regular expressions
        ({"Field": "path-pattern", "Values": ["/img/*"]}, True),  # as it was before the configs
        (build_condition("host-header", "*.EXAMPLE.com"), True),
        (build_condition("host-header", "example.com"), False),
        (build_condition("http-header", "*chrome*", HttpHeaderName="User-Agent"), True),
        (build_condition("http-header", "*", HttpHeaderName="X"), True),
        (build_condition("http-header", "*", HttpHeaderName="Y"), False),
        (build_condition("http-request-method", "GET", "HEAD"), True),
        (build_condition("http-request-method", "get"), False),
        (build_condition("query-string", {"Key": "version", "Value": "v?"}), True),
        (build_condition("query-string", {"Key": "dark", "Value": ""}), True),
        (build_condition("query-string", {"Value": "v1"}), True),
        (build_condition("query-string", {"Key": "v1", "Value": "*"}), False),
        (build_condition("source-ip", "192.0.2.0/24", "198.51.100.0/24"), True),
        (build_condition("source-ip", "198.51.100.8/32", "2001:db8::/32"), False),
        (build_condition("moon-phase", "full"), False),
    ],
)
def test_a_condition_holds_where_one_of_its_values_fits(
    rule_condition: dict[str, Any], fits: bool
) -> None:
    assert is_condition_met(rule_condition, SAMPLE_REQUEST) is fits


def test_all_conditions_must_hold_and_the_lowest_number_comes_first() -> None:
    path, host = (
        build_condition("path-pattern", "/img/*"),
        build_condition("host-header", "other.org"),
    )
    rules = [
        ListenerRule(10**6, (), {"Type": "default"}),
        ListenerRule(20, (path,), {"Type": "images"}),
        ListenerRule(3, (path, host), {"Type": "both"}),
    ]

    def action(request: HttpRequest) -> object:
        rule = find_matching_rule(rules, request)
        return rule.action["Type"] if rule else None

    assert action(SAMPLE_REQUEST) == "images"
    assert action(replace(SAMPLE_REQUEST, host="other.org")) == "both"
    assert action(replace(SAMPLE_REQUEST, path="/")) == "default"


@pytest.mark.parametrize(
    ("config", "leads"),
    [
        (
            {"Protocol": "HTTPS", "Port": "443"},
            "https://app.example.com:443/img/a.png?version=V1&dark&x=%2A",
        ),
        (
            {"Host": "www.#{host}", "Path": "/old/#{path}"},
            "http://www.app.example.com:80/old/img/a.png?version=V1&dark&x=%2A",
        ),
        (
            {"Path": "/#{host}/#{port}/#{protocol}", "Query": "from=#{path}&#{query}"},
            "http://app.example.com:80/app.example.com/80/http?from=img/a.png&version=V1&dark&x=%2A",
        ),
        ({"Path": "/new", "Query": "fixed=1"}, "http://app.example.com:80/new?fixed=1"),
    ],
)
def test_a_redirect_keeps_what_it_does_not_name(config: dict[str, Any], leads: str) -> None:
    assert build_redirect_url(config, SAMPLE_REQUEST) == leads


def test_a_pattern_takes_whole_texts_only() -> None:
    assert matches_pattern("a*c", "abbc")
    assert matches_pattern("*", "")
    assert not matches_pattern("a?", "a")
    assert not matches_pattern("b", "abc")


def test_conditions_are_read_as_aws_keeps_them(
    aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    with balancer.serve_load_balancers():
        site = BalancedService(aws_client)
        held_clock.advance(600)
        for number, rule_condition in enumerate(
            (
                build_condition("http-header", "*beta*", HttpHeaderName="X-Ring"),
                build_condition("query-string", {"Key": "ring", "Value": "beta"}),
                build_condition("http-request-method", "PUT"),
                build_condition("source-ip", "10.0.0.0/8"),
            )
        ):
            body = {"StatusCode": f"20{number + 1}", "ContentType": "text/plain"}
            site.create_rule(
                number + 1, {"Type": "fixed-response", "FixedResponseConfig": body}, rule_condition
            )
        assert site.send_request(X_Ring="the beta ring").status == 201
        assert site.send_request("/?ring=beta").status == 202
        assert site.send_request(method="PUT").status == 203
        assert site.send_request().status == 200  # asked from 127.0.0.1
        before = site.send_request(X_Forwarded_For="203.0.113.9").parse_json()["forwarded"]
        assert before["X-Forwarded-For"] == "203.0.113.9, 127.0.0.1"
