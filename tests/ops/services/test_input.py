"""Wrong input of `ops service`: one line that names the option, exit 2, and nothing is changed."""

from collections.abc import Iterator

import pytest

from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations
from tests.ops.service_stage import (
    BACKEND_IMAGE,
    FIRST_IMAGE,
    describe_service,
    get_scaling_limits,
    list_revision_images,
    open_service_console,
    put_scalable_target,
)


@pytest.fixture(scope="module")
def shared_console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpsConsole]:
    """One stage for all lines, since none of them may change it."""
    with open_service_console(None, tmp_path_factory.mktemp("outputs")) as console:
        put_scalable_target(console.stage)
        yield console


@pytest.fixture
def ops(shared_console: OpsConsole, capsys: pytest.CaptureFixture[str]) -> OpsConsole:
    shared_console.capture = capsys
    return shared_console


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("deploy nonsense!:x --service backend", "/app:v2, not 'nonsense!:x'"),
        ("deploy app --service backend", "/app:v2, not 'app'"),
        (f"deploy {BACKEND_IMAGE}:v2", "--service is not set; must be one of backend, frontend"),
        (
            f"deploy {BACKEND_IMAGE}:v2 --service x",
            "--service must be one of backend, frontend, not 'x'",
        ),
        (
            f"deploy {BACKEND_IMAGE}:v2 --service backend --url ftp://x",
            "--url must be an http or https URL, not 'ftp://x'",
        ),
        (
            f"deploy {BACKEND_IMAGE}:v2 --service backend --url http://x --no-wait",
            "--url needs --wait",
        ),
        (f"deploy {BACKEND_IMAGE}:v2 --service backend --timeout 0", "--timeout"),
        ("restart", "--service is not set; must be one of backend, frontend"),
        ("rollback --service y", "--service must be one of backend, frontend, not 'y'"),
        ("rollback --url x --service backend", "--url must be an http or https URL, not 'x'"),
        ("events --limit 0", "--limit"),
    ],
)
def test_bad_input_is_one_line_and_asks_aws_nothing(ops: OpsConsole, line: str, says: str) -> None:
    with fail_operations("AccessDenied") as called:
        _, err = ops(f"service {line}", 2)
    assert says in err
    assert called == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            f"deploy {BACKEND_IMAGE}:none --service backend",
            "but ECR does not have it; push it first",
        ),
        (f"deploy {FIRST_IMAGE} --service backend", "but backend already runs it"),
        (
            "rollback --service backend",
            "there is no other proven release of backend",
        ),
        ("rollback --service backend --to nine", "must be the number of a revision"),
        ("rollback --service backend --to other:1", "must be the number of a revision"),
        ("rollback --service backend --to 99", "--to is '99', which is not a revision"),
        ("rollback --service backend --to 1", "--to is '1', but backend already runs it"),
        (
            f"deploy {BACKEND_IMAGE}:v2 --service backend",
            "--yes is not set, and there is no terminal",
        ),
    ],
)
def test_an_impossible_service_command_is_one_line_and_changes_nothing(
    ops: OpsConsole, line: str, says: str
) -> None:
    _, err = ops(f"service {line}", 2)
    assert says in err
    assert (
        len(list_revision_images(ops.stage)),
        len(describe_service(ops.stage)["deployments"]),
    ) == (1, 1)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("scale -1 --service backend", "-1"),
        ("scale many --service backend", "COUNT must be 0 to 5000, not 'many'"),
        ("scale 9999 --service backend", "COUNT must be 0 to 5000, not '9999'"),
        ("scale 2", "--service is not set; must be one of backend, frontend"),
        ("autoscaling --min x --service backend", "--min"),
        ("autoscaling --max -4 --service backend", "--max"),
        ("autoscaling --service z", "--service must be one of backend, frontend, not 'z'"),
        ("scale 2 --service backend --timeout soon", "--timeout"),
    ],
)
def test_a_bad_number_is_one_line_and_asks_aws_nothing(
    ops: OpsConsole, line: str, says: str
) -> None:
    with fail_operations("AccessDenied") as called:
        _, err = ops(f"service {line}", 2)
    assert says in err
    assert called == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("scale 2 --service backend", "COUNT is 2, but backend already has 2 tasks"),
        ("autoscaling --service frontend --max 9", "which has no automatic scaling"),
        ("autoscaling --service backend", "nothing to change: give a new --min or --max"),
        ("autoscaling --service backend --min 7", "--min must be at most 6 (the maximum), not 7"),
        ("autoscaling --service backend --max 0", "--max must be at least 1 (the minimum), not 0"),
        ("autoscaling --service backend --max 6000", "--max must be 0 to 5000, not 6000"),
        ("scale 3 --service backend", "--yes is not set, and there is no terminal"),
    ],
)
def test_an_impossible_count_is_one_line_and_changes_nothing(
    ops: OpsConsole, line: str, says: str
) -> None:
    _, err = ops(f"service {line}", 2)
    assert says in err
    assert (describe_service(ops.stage)["desiredCount"], get_scaling_limits(ops.stage)) == (
        2,
        (1, 6),
    )
