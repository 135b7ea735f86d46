"""Settings that services and the fleet share: what is refused, and how it is said."""

import pytest
from pydantic import JsonValue

from components.settings import SettingsError
from tests.world import build_settings

SECRET_ARN = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:db-a1b2c3"
PARAMETER_ARN = "arn:aws:ssm:eu-north-1:123456789012:parameter/flag"
REFUSED_VALUES: list[tuple[dict[str, JsonValue], str]] = [
    ({"image": "My Image"}, ".image is 'My Image', must be an image like public.ecr.aws/"),
    ({"port": 0}, ".port is 0, must be"),
    ({"healthPath": "health"}, ".healthPath is 'health', must be a path like /health"),
    ({"user": "root"}, ".user is 'root', must be a user other than root, like 1000:1000"),
    ({"user": "0:1000"}, ".user is '0:1000', must be a user other than root, like 1000:1000"),
    ({"user": "a b"}, ".user is 'a b', must be a user other than root, like 1000:1000"),
    (
        {"environment": {"A-B": "1"}},
        ".environment is not shown, must hold names of letters, digits and _",
    ),
    (
        {"environment": {"A": "1\n2"}},
        ".environment is not shown, must hold values of one line, A has more",
    ),
    (
        {"environment": {"A": "x" * 9000}},
        ".environment is not shown, must hold 8192 bytes, has 9002",
    ),
    (
        {"secrets": {"A": "s3cret"}},
        ".secrets is not shown, must hold exact ARNs of Secrets Manager",
    ),
    ({"secrets": {"A": SECRET_ARN.removesuffix("-a1b2c3")}}, "A is none"),
    (
        {"environment": {"A": "1"}, "secrets": {"A": SECRET_ARN}},
        ".secrets holds 'A', which environment holds too",
    ),
    (
        {"environment": {"DB_HOST": "x"}},
        ".environment holds 'DB_HOST', which the stack gives: set database to false",
    ),
    (
        {"secrets": {"CACHE_TOKEN": SECRET_ARN}},
        ".secrets holds 'CACHE_TOKEN', which the stack gives: set cache to false",
    ),
]


@pytest.mark.parametrize("section", ["services.web", "fleet"])
@pytest.mark.parametrize(("values", "message_part"), REFUSED_VALUES)
def test_a_refused_value_names_its_key(
    section: str, values: dict[str, JsonValue], message_part: str
) -> None:
    config_values: dict[str, JsonValue] = (
        {"fleet": values} if section == "fleet" else {"services": {"web": values}}
    )
    with pytest.raises(SettingsError) as error:
        build_settings(config_values)
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"bulwark:{section}")
    assert message_part in line


@pytest.mark.parametrize(
    "name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "ECS_ENGINE_AUTH_DATA"]
)
def test_ecs_8_keys_of_aws_are_refused_in_the_environment(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"must not hold {name}: a role gives") as error:
        build_settings({"services": {"web": {"environment": {name: "AKIAIOSFODNN7EXAMPLE"}}}})
    assert "AKIA" not in str(error.value)


def test_a_secret_that_is_no_arn_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as error:
        build_settings({"services": {"web": {"secrets": {"TOKEN": "hunter2"}}}})
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("value", [SECRET_ARN, f"{SECRET_ARN}:password::", PARAMETER_ARN])
def test_exact_arns_are_taken(value: str) -> None:
    assert build_settings({"fleet": {"secrets": {"A": value}}}).fleet.secrets == {"A": value}


def test_a_variable_is_free_if_the_stack_does_not_set_it() -> None:
    services: JsonValue = {"web": {"database": False, "environment": {"DB_HOST": "elsewhere"}}}
    assert build_settings({"services": services}).services["web"].environment == {
        "DB_HOST": "elsewhere"
    }


@pytest.mark.parametrize(
    ("health_check", "message"),
    [
        ({"matcher": "2xx"}, "healthCheck.matcher is '2xx', must be status codes from 200 to 499"),
        ({"matcher": "200-500"}, "healthCheck.matcher is '200-500', must be status codes from 200"),
        ({"matcher": "199"}, "healthCheck.matcher is '199', must be status codes from 200 to 499"),
        ({"matcher": "299-200"}, "healthCheck.matcher is '299-200', must have ranges that rise"),
        ({"matcher": 200}, "healthCheck.matcher is 200, must be text (put a number in quotes)"),
        ({"intervalSeconds": 4}, "healthCheck.intervalSeconds is 4, must be 5 to 300"),
        ({"timeoutSeconds": 1}, "healthCheck.timeoutSeconds is 1, must be 2 to 120"),
        ({"healthyThreshold": 1}, "healthCheck.healthyThreshold is 1, must be 2 to 10"),
        ({"unhealthyThreshold": 11}, "healthCheck.unhealthyThreshold is 11, must be 2 to 10"),
        (
            {"intervalSeconds": 5},
            "healthCheck.timeoutSeconds is 5, must be below intervalSeconds (5)",
        ),
        (
            {"intervalSeconds": 30, "timeoutSeconds": 30},
            "healthCheck.timeoutSeconds is 30, must be below intervalSeconds (30)",
        ),
    ],
)
@pytest.mark.parametrize("section", ["fleet", "serviceDefaults"])
def test_a_health_check_that_elb_refuses_is_refused(
    section: str, health_check: JsonValue, message: str
) -> None:
    with pytest.raises(SettingsError) as error:
        build_settings({"compute": "both", section: {"healthCheck": health_check}})
    assert str(error.value).startswith(f"bulwark:{section}.{message}")
