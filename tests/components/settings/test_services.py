"""Settings of the services: Fargate's sizes, limits and hours."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue, ValidationError

from components.facts.fargate import FARGATE_MEMORY_BY_CPU
from components.settings import SettingsError
from components.settings.services import ServiceSettings
from tests.world import build_settings


def _get_service_error(web: dict[str, JsonValue]) -> str:
    with pytest.raises(SettingsError) as error:
        build_settings({"services": {"web": web}})
    (line,) = str(error.value).splitlines()
    return line


@given(
    st.sampled_from(
        [(cpu, memory) for cpu, sizes in FARGATE_MEMORY_BY_CPU.items() for memory in sizes]
    )
)
def test_every_cpu_and_memory_pair_of_fargate_is_accepted(pair: tuple[int, int]) -> None:
    cpu, memory = pair
    assert ServiceSettings(cpu=cpu, memory=memory).memory == memory


@given(st.sampled_from(list(FARGATE_MEMORY_BY_CPU)), st.integers(1, 200_000))
def test_other_cpu_and_memory_pairs_are_refused(cpu: int, memory: int) -> None:
    if memory not in FARGATE_MEMORY_BY_CPU[cpu]:
        with pytest.raises(ValidationError, match=f"memory is {memory}, must be "):
            ServiceSettings(cpu=cpu, memory=memory, tmp_mb=1)


# Ends of each row of AWS's table, and how many sizes it has, counted by hand.
@pytest.mark.parametrize(
    ("cpu", "first", "last", "count"),
    [
        (256, 512, 2048, 3),
        (512, 1024, 4096, 4),
        (1024, 2048, 8192, 7),
        (2048, 4096, 16384, 13),
        (4096, 8192, 30720, 23),
        (8192, 16384, 61440, 12),
        (16384, 32768, 122880, 12),
    ],
)
def test_the_cpu_and_memory_table_matches_the_aws_documentation(
    cpu: int, first: int, last: int, count: int
) -> None:
    sizes = FARGATE_MEMORY_BY_CPU[cpu]
    assert (sizes[0], sizes[-1], len(sizes)) == (first, last, count)


@pytest.mark.parametrize(
    ("web", "message_part"),
    [
        (
            {"cpu": 300},
            "web.cpu is 300, must be 256, 512, 1024, 2048, 4096, 8192 or 16384: Fargate has no "
            "other sizes",
        ),
        (
            {"cpu": 256, "memory": 1536},
            "web.memory is 1536, must be 512, 1024 or 2048 with cpu 256: Fargate has no "
            "other sizes",
        ),
        (
            {"cpu": 2048, "memory": 1024},
            "web.memory is 1024, must be 4096 to 16384 in steps of 1024 with cpu 2048",
        ),
        ({"tmpMb": 300}, "web.tmpMb is 300, must be at most half of memory (256)"),
        ({"min": 20}, "web.min is 20, must be at most max (10)"),
        ({"cpuTarget": 0}, "web.cpuTarget is 0, must be"),
        (
            {
                "policyArns": [
                    "arn:aws:iam::aws:policy/ReadOnlyAccess",
                    "arn:aws:iam::123456789012:policy/team/ReadOnlyAccess",
                ]
            },
            "must hold one policy of the name 'ReadOnlyAccess'",
        ),
        ({"policyArns": ["ReadOnly"]}, "web.policyArns is ['ReadOnly'], must hold ARNs of IAM"),
        (
            {"schedule": {"night": {"cron": "0 20 * * *", "min": 1, "max": 2}}},
            "web.schedule.night.cron is '0 20 * * *', must be six fields",
        ),
        (
            {"schedule": {"night": {"cron": "0 20 * * * *", "min": 1, "max": 2}}},
            "with ? as one of the two days",
        ),
        (
            {"schedule": {"night": {"cron": "0 20 ? * * *", "min": 3, "max": 2}}},
            "web.schedule.night.min is 3, must be at most max (2)",
        ),
        (
            {"schedule": {"night": {"cron": "0 20 ? * * *", "min": 1, "max": 2, "timezone": "9"}}},
            "web.schedule.night.timezone is '9', must be a name of the IANA time zone database",
        ),
        (
            {
                "schedule": {
                    "night": {
                        "cron": "0 20 ? * * *",
                        "min": 1,
                        "max": 2,
                        "timezone": "Europe/Stokholm",
                    }
                }
            },
            "web.schedule.night.timezone is 'Europe/Stokholm', must be a name of the IANA",
        ),
        (
            {"schedule": {"night": {"cron": "0 25 ? * * *", "min": 1, "max": 2}}},
            "web.schedule.night.cron is '0 25 ? * * *', must have 0-23 as hour, not '25'",
        ),
    ],
)
def test_a_refused_service_value_says_what_it_must_be(
    web: dict[str, JsonValue], message_part: str
) -> None:
    line = _get_service_error(web)
    assert line.startswith("bulwark:services.web.")
    assert message_part in line


def test_a_profile_changes_the_defaults_of_every_service() -> None:
    dev = build_settings({"services": {"a": {"paths": ["/a"]}, "b": {"max": 5}}}, profile="dev")
    assert [(s.min, s.max) for s in dev.services.values()] == [(1, 2), (1, 5)]


def test_the_default_image_needs_nothing_but_its_defaults() -> None:
    web = build_settings().services["web"]
    assert re.match(r"public\.ecr\.aws/nginx/nginx-unprivileged:", web.image)
    assert (web.port, web.health_path, web.user) == (8080, "/", "1000:1000")
