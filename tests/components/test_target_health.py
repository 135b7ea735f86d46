"""How the load balancer checks the health of its targets."""

import pytest
from pydantic import JsonValue

from tests.components.test_load_balancer import TARGET_GROUP_TYPE, build_load_balancer_graph
from tests.conftest import Build


@pytest.mark.parametrize("target", ["backend", "fleet"])
def test_the_health_check_of_a_target_is_that_of_its_settings(build: Build, target: str) -> None:
    container: JsonValue = {
        "healthPath": "/up",
        "healthCheck": {
            "matcher": "200,204",
            "intervalSeconds": 30,
            "timeoutSeconds": 10,
            "healthyThreshold": 5,
            "unhealthyThreshold": 4,
        },
        "drainSeconds": 120,
    }
    values: dict[str, JsonValue] = (
        {"compute": "fleet", "fleet": container}
        if target == "fleet"
        else {"services": {target: container}}
    )
    graph = build_load_balancer_graph(build, values)
    group = graph.get_resource(TARGET_GROUP_TYPE, f"alb-{target}").inputs
    assert group["healthCheck"] == {
        "enabled": True,
        "path": "/up",
        "port": "traffic-port",
        "protocol": "HTTP",
        "matcher": "200,204",
        "interval": 30,
        "timeout": 10,
        "healthyThreshold": 5,
        "unhealthyThreshold": 4,
    }
    assert group["deregistrationDelay"] == 120


@pytest.mark.parametrize(
    ("seconds", "enabled", "duration"), [(600, True, 600), (None, False, 86400)]
)
def test_a_target_group_is_sticky_only_if_the_settings_say_so(
    build: Build, seconds: int | None, enabled: bool, duration: int
) -> None:
    graph = build_load_balancer_graph(build, {"services": {"backend": {"stickySeconds": seconds}}})
    group = graph.get_resource(TARGET_GROUP_TYPE, "alb-backend").inputs
    assert group["stickiness"] == {
        "enabled": enabled,
        "type": "lb_cookie",
        "cookieDuration": duration,
    }
