"""Wrong values of what all commands share: one line, exit 2, nothing called."""

from pathlib import Path

import pytest

from ops.cli.app import SHARED_OPTIONS, main
from tests.ops.call_recorder import record_calls
from tests.ops.stage import build_stack_outputs


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--stack", "other", "--stack is 'other', but the outputs are of 'test'"),
        ("--profile", "nonsense", "--profile is 'nonsense', must be a profile"),
        (
            "--region",
            "mars-north-1",
            "--region must be 'eu-north-1' or 'eu-west-1', not 'mars-north-1'",
        ),
        (
            "--outputs",
            "/no/such/file",
            "--outputs must be a file that can be read, not '/no/such/file': No such file",
        ),
        ("--source", "nonsense", "--source must be file, ssm or pulumi, not 'nonsense'"),
        ("--output", "nonsense", "--output must be table or json, not 'nonsense'"),
    ],
)
@pytest.mark.parametrize("line", ["db status", "db failover --yes", "service list"])
def test_a_wrong_value_of_a_shared_option_is_one_line(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    option: str,
    value: str,
    says: str,
    line: str,
) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(build_stack_outputs().model_dump_json(by_alias=True))
    given = {"--outputs": str(file), option: value}
    with record_calls() as calls:
        code = main([*line.split(), *(word for pair in given.items() for word in pair)])
    assert code == 2
    assert says in capsys.readouterr().err.splitlines()[0]
    assert calls == []


def test_all_shared_options_are_tried() -> None:
    tried = {"--stack", "--profile", "--region", "--outputs", "--source", "--output"}
    assert set(SHARED_OPTIONS) - tried == {
        "--project",
        "-o",
    }  # a name, looked for where the outputs are
