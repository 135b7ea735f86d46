"""The demo, as a person runs it."""

from pathlib import Path

import pytest

from sandbox.demo import main, parse_setting


@pytest.mark.exhaustive
def test_the_demo_deploys_a_stack_and_shows_the_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "page.html"
    options = ["--stack", "dev", "--set", "compute=services", "--page", str(file)]
    options += ["--incident", "replica-lag"]
    assert main(options) == 0
    shown = capsys.readouterr()
    assert "bulwark dev, in an in-memory AWS" in shown.out
    assert "bulwark-dev-database" in shown.out
    assert "List prices of us-east-1" in shown.out
    assert "resources up in" in shown.out
    assert "ops health" in shown.out
    assert "database" in shown.out.split("ops health")[1]
    assert "50 resources:" in shown.err, "progress is told"
    broken = shown.out.split("ops diagnose")[1]
    assert "a replica is behind" in broken.split("What it was (replica-lag)")[0]
    assert "named first" in broken
    assert "<svg" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--stack", "nowhere"], "there is no stack nowhere"),
        (["--stack", "dev", "--set", "compute=cloud"], "bulwark:compute is 'cloud'"),
        (["--incident", "nonsense"], "--incident must be one of"),
    ],
)
def test_an_impossible_demo_is_refused_with_exit_code_2(
    options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options) == 2
    assert says in capsys.readouterr().err


def test_a_bad_option_is_refused_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--set", "compute"])
    assert ended.value.code == 2
    assert "must be like compute=fleet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("compute=fleet", "fleet"),
        ("database.port=5433", 5433),
        ('cache={"enabled": true}', {"enabled": True}),
        ("a=b=c", "b=c"),
    ],
)
def test_a_setting_is_json_where_it_reads_as_json(text: str, value: object) -> None:
    assert parse_setting(text)[1] == value
