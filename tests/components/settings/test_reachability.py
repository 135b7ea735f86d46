"""Without NAT: what services and the fleet need endpoints for, and what none leads to."""

import pytest
from pydantic import JsonValue

from components.settings import SettingsError
from tests.world import build_settings

REGISTRY = "123456789012.dkr.ecr.eu-north-1.amazonaws.com"
IMAGE = f"{REGISTRY}/bulwark/test/web:1"
SECRET = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:token-AbCdEf"
PARAMETER = "arn:aws:ssm:eu-north-1:123456789012:parameter/token"
TASK_ENDPOINTS = ("ecr.api", "ecr.dkr", "logs", "secretsmanager")
EXEC_ENDPOINTS = (*TASK_ENDPOINTS, "ssmmessages", "kms")
FLEET_ENDPOINTS = (*TASK_ENDPOINTS, "ssm", "ssmmessages", "monitoring", "ec2")


def build_isolated_values(
    compute: str,
    endpoints: tuple[str, ...],
    *,
    image: str = IMAGE,
    secret: str = SECRET,
    can_exec: bool = True,
) -> dict[str, JsonValue]:
    """A stack without NAT, with one service and a fleet of the same container."""
    container: dict[str, JsonValue] = {"image": image, "secrets": {"TOKEN": secret}}
    return {
        "compute": compute,
        "network": {"nat": "none", "interfaceEndpoints": [*endpoints]},
        "services": {"web": container},
        "fleet": container,
        "cluster": {"exec": can_exec},
    }


def find_fault(values: dict[str, JsonValue]) -> str | None:
    try:
        build_settings(values)
    except SettingsError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("compute", "secret", "can_exec", "missing"),
    [
        ("services", SECRET, False, "ecr.api, ecr.dkr, logs, secretsmanager"),
        ("services", SECRET, True, "ecr.api, ecr.dkr, logs, secretsmanager, ssmmessages, kms"),
        ("services", PARAMETER, False, "ecr.api, ecr.dkr, logs, secretsmanager, ssm"),
        (
            "fleet",
            SECRET,
            True,
            "ecr.api, ecr.dkr, logs, secretsmanager, ssm, ssmmessages, monitoring, ec2",
        ),
        (
            "both",
            PARAMETER,
            True,
            "ecr.api, ecr.dkr, logs, secretsmanager, ssm, ssmmessages, monitoring, ec2, kms",
        ),
    ],
)
def test_every_endpoint_that_is_missing_is_named_in_one_line(
    compute: str, secret: str, can_exec: bool, missing: str
) -> None:
    line = (
        f"bulwark:network.nat is 'none', must be so where network.interfaceEndpoints has {missing}"
    )
    values = build_isolated_values(compute, (), secret=secret, can_exec=can_exec)
    assert (
        find_fault(values) == f"{line}: what runs has no other way to its image, logs and secrets"
    )
    complete = build_isolated_values(
        compute, tuple(missing.split(", ")), secret=secret, can_exec=can_exec
    )
    assert find_fault(complete) is None
    for endpoint in missing.split(", "):
        others = tuple(other for other in missing.split(", ") if other != endpoint)
        fault = find_fault(build_isolated_values(compute, others, secret=secret, can_exec=can_exec))
        assert fault is not None
        assert f"interfaceEndpoints has {endpoint}: what runs" in fault


@pytest.mark.parametrize(
    ("compute", "endpoints", "key"),
    [("services", EXEC_ENDPOINTS, "services.web"), ("fleet", FLEET_ENDPOINTS, "fleet")],
)
def test_a_registry_without_an_endpoint_is_refused(
    compute: str, endpoints: tuple[str, ...], key: str
) -> None:
    for image in (
        "public.ecr.aws/nginx/nginx-unprivileged:stable-alpine",
        "ghcr.io/team/web:1",
        "nginx",
        IMAGE.replace("eu-north-1", "eu-west-1"),
    ):
        values = build_isolated_values(compute, endpoints, image=image)
        assert find_fault(values) == (
            f"bulwark:{key}.image is {image!r}, must be an image in ECR of eu-north-1 with "
            "network.nat 'none': no endpoint leads to another registry. Push it there, or name it "
            "by a pull through cache"
        )
    elsewhere = build_isolated_values(
        compute, endpoints, secret=SECRET.replace("eu-north-1", "eu-west-1")
    )
    assert find_fault(elsewhere) == (
        f"bulwark:{key}.secrets holds 'TOKEN' of eu-west-1, must be of eu-north-1 with network.nat "
        "'none': an endpoint leads to its own region"
    )


def test_a_stack_without_compute_needs_no_endpoints() -> None:
    settings = build_settings({"compute": "none", "network": {"nat": "none"}})
    assert settings.nat_zones == ()


def test_with_nat_every_image_is_reached() -> None:
    assert find_fault({"network": {"nat": "one"}, "services": {"web": {"image": "nginx"}}}) is None
