"""What of a baseline was throttled or denied: unknown with its reason, never as if not there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from ops.baseline.capture import BASELINE_PARTS
from ops.health.registry import HEALTH_APIS
from tests.ops.baseline.test_baseline import list_printed_differences, open_stack_console
from tests.ops.command_line import OpsConsole
from tests.ops.prod.deployed import count_calls

APIS_OF_BASELINE: Final = sorted({api for part in BASELINE_PARTS for api in part.apis})


@pytest.fixture(scope="module")
def unchanged_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpsConsole]:
    """A stack that nobody changes, and a baseline of it."""
    for console in open_stack_console(None, tmp_path_factory.mktemp("still")):
        console.file.with_name("kept.json").unlink(missing_ok=True)
        yield console


@pytest.mark.parametrize("code", ["Throttling", "AccessDenied"])
@pytest.mark.parametrize(
    "api", [api for api in APIS_OF_BASELINE if not api.startswith("elasticache")]
)
@pytest.mark.exhaustive
def test_unread_values_are_unknown_and_never_gone_new_or_changed(
    unchanged_stack: OpsConsole,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    api: str,
    code: str,
) -> None:
    unchanged_stack.capture = capsys
    operation = api.split(".")[1].replace("_", "")
    whole, part = tmp_path / "whole.json", tmp_path / "part.json"
    areas = ",".join(a for p in BASELINE_PARTS if api in p.apis for a in p.areas)

    def refuse(name: str) -> str | None:
        return code if name.lower() == operation else None

    unchanged_stack(f"baseline capture --to {whole}")
    with count_calls(refuse):
        assert unchanged_stack.run_for_json(f"baseline capture --to {part}")["unknown"]
        now = list_printed_differences(unchanged_stack, f"baseline compare {whole} --only {areas}")
        both = list_printed_differences(unchanged_stack, f"baseline compare {part} --only {areas}")
    then = list_printed_differences(unchanged_stack, f"baseline compare {part} --only {areas}")
    for found in (now, both, then):
        assert {kind for kind, *_ in found} == {"unknown"}
    assert any(api in str(before) for *_, before, _ in then)
    assert any(api in str(after) for *_, after in now)


def test_every_read_of_a_baseline_is_known_to_the_permissions() -> None:
    assert set(APIS_OF_BASELINE) - set(HEALTH_APIS) == {
        "ecs.describe_task_definition",
        "rds.describe_db_parameters",
        "ssm.get_parameter",
    }
