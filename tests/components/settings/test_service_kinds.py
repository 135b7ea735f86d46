"""Kinds of services: what each is, and the keys that fit no other."""

from typing import Any

import pytest
from pydantic import JsonValue

from components.settings import Settings, SettingsError
from tests.world import build_settings

COMMAND: JsonValue = ["CMD-SHELL", "test -f /tmp/ready"]


def build_worker_settings(values: dict[str, Any] | None = None) -> Settings:
    """A stack of a web service and a worker."""
    return build_settings({"services": {"web": {}, "mailer": {"kind": "worker", **(values or {})}}})


def test_a_service_is_web_unless_it_says_otherwise() -> None:
    assert build_settings().services["web"].kind == "web"


def test_only_what_answers_requests_is_a_target() -> None:
    settings = build_worker_settings()
    assert list(settings.target_patterns) == ["web"]
    assert {route.target for route in settings.routes} == {"web"}
    assert settings.has_load_balancer


def test_a_stack_of_workers_has_no_load_balancer_and_needs_no_domain() -> None:
    settings = build_settings({"loadBalancer": {}, "services": {"mailer": {"kind": "worker"}}})
    assert not settings.has_load_balancer
    assert settings.has_containers
    assert settings.nat_zones == ("a", "b", "c")


@pytest.mark.parametrize(
    ("service", "line"),
    [
        ({"kind": "worker", "port": 80}, "port is set, must not be with kind 'worker': a worker"),
        ({"kind": "worker", "paths": ["/a"]}, "paths is set, must not be with kind 'worker'"),
        ({"kind": "worker", "hosts": ["a.example.com"]}, "hosts is set, must not be with kind"),
        ({"kind": "worker", "healthPath": "/up"}, "healthPath is set, must not be with kind"),
        ({"kind": "worker", "stickySeconds": 5}, "stickySeconds is set, must not be with kind"),
        ({"stickySeconds": 604801}, "stickySeconds is 604801, must be 1 to 604800"),
        ({"kind": "worker", "drainSeconds": 5}, "drainSeconds is set, must not be with kind"),
        (
            {"kind": "worker", "graceSeconds": 5},
            "graceSeconds is set, must not be with kind 'worker': healthCheck.startPeriodSeconds",
        ),
        ({"kind": "worker", "requestsTarget": 5}, "requestsTarget is set, must not be with kind"),
        (
            {"kind": "worker", "healthCheck": {"matcher": "200"}},
            "healthCheck.matcher is set, must not be with kind 'worker'",
        ),
        (
            {"kind": "worker", "healthCheck": {"intervalSeconds": 20}},
            "healthCheck.intervalSeconds is set, must be so only with healthCheck.command",
        ),
        (
            {"kind": "worker", "healthCheck": {"command": ["curl"]}},
            "healthCheck.command is ['curl'], must be [CMD, program, ...] or [CMD-SHELL, line]",
        ),
        (
            {"kind": "worker", "healthCheck": {"command": ["CMD-SHELL", "a", "b"]}},
            "healthCheck.command is ['CMD-SHELL', 'a', 'b'], must be [CMD, program, ...]",
        ),
        (
            {"kind": "worker", "healthCheck": {"command": COMMAND, "timeoutSeconds": 61}},
            "healthCheck.timeoutSeconds is 61, must be 2 to 60 with command",
        ),
        (
            {"kind": "worker", "healthCheck": {"command": COMMAND, "retries": 11}},
            "healthCheck.retries is 11, must be 1 to 10",
        ),
        (
            {"kind": "worker", "healthCheck": {"command": COMMAND, "startPeriodSeconds": 301}},
            "healthCheck.startPeriodSeconds is 301, must be 0 to 300",
        ),
        (
            {"healthCheck": {"command": COMMAND}},
            "healthCheck.command is set, must not be with kind 'web'",
        ),
        ({"healthCheck": {"retries": 2}}, "healthCheck.retries is set, must not be with kind"),
        ({"kind": "job"}, "kind is 'job', must be 'web' or 'worker'"),
    ],
)
def test_a_key_of_another_kind_is_refused_by_its_name(
    service: dict[str, JsonValue], line: str
) -> None:
    with pytest.raises(SettingsError) as error:
        build_settings({"services": {"web": {}, "mailer": service}})
    (message,) = str(error.value).splitlines()
    assert message.startswith(f"bulwark:services.mailer.{line}")


def test_a_check_of_a_worker_may_take_as_long_as_its_interval() -> None:
    check = {"command": COMMAND, "intervalSeconds": 20, "timeoutSeconds": 60}
    settings = build_worker_settings({"healthCheck": check})
    assert settings.services["mailer"].health_check.timeout_seconds == 60


def test_defaults_of_all_services_apply_only_to_the_kinds_that_they_fit() -> None:
    defaults: JsonValue = {
        "requestsTarget": 500,
        "memory": 1024,
        "healthCheck": {"intervalSeconds": 20},
    }
    services: JsonValue = {"web": {}, "mailer": {"kind": "worker"}}
    settings = build_settings({"serviceDefaults": defaults, "services": services})
    web, mailer = settings.services["web"], settings.services["mailer"]
    assert (web.requests_target, web.memory, web.health_check.interval_seconds) == (500, 1024, 20)
    assert (mailer.requests_target, mailer.memory) == (None, 1024)
    assert mailer.health_check.command == ()


def test_a_default_command_is_of_workers() -> None:
    defaults: JsonValue = {"healthCheck": {"command": COMMAND, "intervalSeconds": 20}}
    services: JsonValue = {"web": {}, "mailer": {"kind": "worker"}}
    settings = build_settings({"serviceDefaults": defaults, "services": services})
    assert settings.services["web"].health_check.command == ()
    assert settings.services["mailer"].health_check.command == ("CMD-SHELL", "test -f /tmp/ready")
    assert settings.services["mailer"].health_check.interval_seconds == 20
