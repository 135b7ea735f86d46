"""The parts that write logs: every log group of the program, by the name that is typed."""

import pytest

from ops.core.errors import UsageError
from ops.logs.parts import build_console_link, get_log_part, list_log_parts
from ops.outputs import parse_outputs
from tests.ops.single_check import build_changed_outputs
from tests.ops.stage import build_stack_outputs
from tests.world import run_whole_program

TRANSCRIPTS = "/bulwark/prod/exec"  # of ECS Exec, which a reader may not see


@pytest.mark.parametrize("has_cache", [False, True])
def test_each_log_group_of_the_program_is_that_of_a_part(*, has_cache: bool) -> None:
    graph = run_whole_program("prod", {"cache": {"enabled": has_cache}})
    groups = {
        resource.inputs["name"]
        for resource in graph.resources
        if resource.type == "aws:cloudwatch/logGroup:LogGroup"
    }
    parts = list_log_parts(parse_outputs(graph.exports))
    assert groups - {part.group for part in parts.values()} == {TRANSCRIPTS}
    missing = {part.name for part in parts.values() if part.group and part.group not in groups}
    assert missing <= {part.name for part in parts.values() if part.is_optional}
    assert parts["load-balancer"].bucket is not None


def test_a_service_that_is_called_like_another_part_is_typed_with_its_kind() -> None:
    services = build_stack_outputs().services
    assert services is not None
    backend = services.services["backend"]
    named = {name: backend.model_copy(update={"name": name}) for name in ("fleet", "web")}
    outputs = build_changed_outputs("services", services=named)
    assert get_log_part(outputs, "fleet").kind == "fleet"
    assert get_log_part(outputs, "service/fleet").group == backend.log_group
    assert get_log_part(outputs, "service/web") == get_log_part(outputs, "web")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nonsense", "PART must be one of backend, containers, fleet, flow-logs, "),
        ("waf", "PART must be one of backend, "),
        ("load-balancer", "loadBalancer.accessLogs is off"),
        ("user-data", "ops fleet run --instance ID -- tail -n 200 /var/log/cloud-init-output.log"),
        ("service/nonsense", "not 'service/nonsense'"),
    ],
)
def test_a_part_that_the_stack_lacks_is_refused_with_those_it_has(name: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        get_log_part(build_stack_outputs(), name)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_flow_logs_that_are_in_s3_alone_are_said_to_be_there() -> None:
    outputs = build_changed_outputs("network", flow_log_group=None)
    with pytest.raises(UsageError, match=r"those in S3 are Parquet files, which Athena reads$"):
        get_log_part(outputs, "flow-logs")


def test_a_console_link_has_the_name_encoded_twice() -> None:
    outputs = build_stack_outputs()
    assert build_console_link(outputs, get_log_part(outputs, "backend")) == (
        "https://eu-north-1.console.aws.amazon.com/cloudwatch/home?region=eu-north-1#logsV2:"
        "log-groups/log-group/$252Fbulwark$252Ftest$252Fservices$252Fbackend"
    )


@pytest.mark.parametrize(
    ("part", "task", "prefix"),
    [
        ("backend", "0a0a", "task/backend/0a0a"),
        ("backend", "arn:aws:ecs:eu-north-1:1:task/bulwark-test/0a0a", "task/backend/0a0a"),
        ("fleet", "i-01", "i-01"),
        ("backend", None, None),
    ],
)
def test_a_task_is_the_start_of_its_streams(part: str, task: str | None, prefix: str) -> None:
    assert get_log_part(build_stack_outputs(), part).build_stream_prefix(task) == prefix


@pytest.mark.parametrize(
    ("part", "task"), [("backend", "i-01"), ("fleet", "0a0a"), ("flow-logs", "0a0a")]
)
def test_a_task_that_the_part_cannot_have_is_refused(part: str, task: str) -> None:
    with pytest.raises(UsageError, match=r"^--task "):
        get_log_part(build_stack_outputs(), part).build_stream_prefix(task)
