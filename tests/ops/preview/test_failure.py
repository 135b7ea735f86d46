"""Why a preview failed: policies by resource, the program's own words, and what a file omits."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.core.errors import OpsError
from ops.deploy.deployment import run_preview
from ops.preview.changes import parse_live, read_previews
from ops.preview.failure import list_text_reasons, parse_policy_violations
from sandbox.program import PROJECT_ROOT
from tests.ops.preview.reports import RunLine

CHANGES_FOLDER = PROJECT_ROOT.parent / "shared" / "reference" / "pulumi" / "changes"
# As pulumi/pulumi#20232 and #20718 show the text output of a preview that policies refuse.
REFUSED_TEXT = """Previewing update (sandbox):
    pulumi:pulumi:Stack bulwark-sandbox running
    aws:rds:Instance database  1 warning
    pulumi:pulumi:Stack bulwark-sandbox  1 error
Diagnostics:
  pulumi:pulumi:Stack (bulwark-sandbox):
    error: preview failed

Policies:
    \x1b[31m❌ bulwark@v0.1.0 (local: policy)\x1b[0m
        - [mandatory]  tags  (aws:sns/topic:Topic: operations-topic)
          Resources have tags.
          tags.owner is not set, must be any value
        - [mandatory] [severity: high]  database-encrypted  (aws:rds/instance:Instance: database)
          Storage of databases is encrypted. (RDS.3)
          storageEncrypted is false, must be true
        - [advisory]  one-zone  (aws:rds/instance:Instance: database)
          It is in one zone.

    343 unchanged
"""
OLD_TEXT = """Diagnostics:
  pulumi:pulumi:Stack (simple-dev):
    error: preview failed

Policy Violations:
    [mandatory]  bulwark v0.0.1  deny (database: aws:rds/instance:Instance)
    storageEncrypted is false, must be true
"""
VIOLATION_LINES = [
    "database (rds/instance): database-encrypted: Storage of databases is encrypted. (RDS.3) "
    "storageEncrypted is false, must be true",
    "operations-topic (sns/topic): tags: Resources have tags. "
    "tags.owner is not set, must be any value",
]
REFUSED_PREVIEW = {
    "steps": [],
    "diagnostics": [{"message": "error: preview failed\n", "severity": "error"}],
    "changeSummary": {"same": 343},
}
TRACEBACK = [
    "Traceback (most recent call last):\n\n",
    '  File "/project/__main__.py", line 22, in <module>\n\n',
    "    settings = load_settings()\n\n",
    "pulumi.errors.RunError: bulwark:database.port is 80, must be 1150 or more\n\n",
]
PACK_FAILURE = 'error: policy pack "/project/policy" failed to start: could not read plugin\n'


def build_program_failure() -> dict[str, Any]:
    """The JSON of a preview whose program refuses a setting: a message for each line."""
    messages = [{"message": line, "severity": "info#err"} for line in TRACEBACK]
    end = "error: an unhandled error occurred: the program exited with 1\n"
    return {
        "steps": [],
        "diagnostics": [*messages, {"message": end, "severity": "error"}],
        "changeSummary": {"same": 1},
    }


@pytest.fixture
def put_pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A `pulumi` on the PATH that prints `json_text` or `text`, `error` to stderr, and fails."""

    def put(json_text: str, text: str = "", error: str = "") -> Path:
        (tmp_path / "preview.json").write_text(json_text, encoding="utf-8")
        (tmp_path / "preview.txt").write_text(text, encoding="utf-8")
        (tmp_path / "error").write_text(error, encoding="utf-8")
        executable = tmp_path / "pulumi"
        executable.write_text(
            f'#!/bin/sh\ncd "{tmp_path}"; echo "$@" >>calls; cat error >&2\n'
            'case "$*" in *--json*) cat preview.json;; *) cat preview.txt;; esac\nexit 255\n',
            encoding="utf-8",
        )
        executable.chmod(executable.stat().st_mode | stat.S_IXUSR)
        return tmp_path / "calls"

    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return put


def test_violations_are_listed_by_resource_and_advice_is_not() -> None:
    assert list(list_text_reasons(REFUSED_TEXT)) == VIOLATION_LINES


def test_violations_of_older_engines_are_read() -> None:
    (violation,) = parse_policy_violations(OLD_TEXT)
    assert (violation.rule, violation.resource) == ("deny", "database (rds/instance)")
    assert violation.lines == ("storageEncrypted is false, must be true",)


def test_a_failure_that_is_no_violation_is_quoted_from_pulumi() -> None:
    text = "Diagnostics:\n  aws:ec2:Vpc (network):\n    error: cidrBlock: token=hunter2 refused\n"
    (reason,) = list_text_reasons(text)
    assert reason == "aws:ec2:Vpc (network):\n    error: cidrBlock: token=[hidden] refused"


def test_a_program_that_refuses_is_quoted_without_its_traceback() -> None:
    assert parse_live(build_program_failure(), "sandbox").errors == (
        "bulwark:database.port is 80, must be 1150 or more",
    )


def test_any_other_exception_keeps_its_traceback() -> None:
    failure = build_program_failure()
    failure["diagnostics"][3]["message"] = "ZeroDivisionError: division by zero\n"
    (reason,) = parse_live(failure, "sandbox").errors
    assert reason.startswith("Traceback (most recent call last):\n  File")
    assert reason.endswith("ZeroDivisionError: division by zero")


def test_a_deployment_says_which_policies_refuse_it(put_pulumi: Callable[..., Path]) -> None:
    calls = put_pulumi(json.dumps(REFUSED_PREVIEW), REFUSED_TEXT)
    with pytest.raises(OpsError) as caught:
        run_preview(PROJECT_ROOT, "sandbox")
    assert str(caught.value) == "\n  ".join(
        ["the preview of sandbox failed: ", *VIOLATION_LINES]
    ), str(caught.value)
    as_json, as_text = calls.read_text(encoding="utf-8").splitlines()
    for line in (as_json, as_text):
        assert "--refresh" in line
        assert "--policy-pack policy --stack sandbox" in line
    assert "--json" not in as_text


def test_a_deployment_says_why_a_pack_does_not_start(put_pulumi: Callable[..., Path]) -> None:
    calls = put_pulumi("{}", error=PACK_FAILURE)
    with pytest.raises(OpsError, match=r"the preview of dev failed: error: policy pack .* failed"):
        run_preview(PROJECT_ROOT, "dev")
    assert len(calls.read_text(encoding="utf-8").splitlines()) == 1


def test_a_deployment_says_what_its_program_refuses(put_pulumi: Callable[..., Path]) -> None:
    put_pulumi(json.dumps(build_program_failure()))
    with pytest.raises(OpsError, match=r"of dev failed: bulwark:database.port is 80, must be 1150"):
        run_preview(PROJECT_ROOT, "dev")


def test_a_failure_without_output_is_reported(put_pulumi: Callable[..., Path]) -> None:
    put_pulumi("")
    with pytest.raises(OpsError, match="of dev failed: Pulumi ended with 255 and said nothing"):
        run_preview(PROJECT_ROOT, "dev")


@pytest.mark.parametrize("json_text", [json.dumps(REFUSED_PREVIEW), "{}", ""])
def test_a_report_has_the_reasons_from_the_text_beside_it(
    run_line: RunLine, tmp_path: Path, json_text: str
) -> None:
    file = tmp_path / "sandbox.json"
    file.write_text(json_text, encoding="utf-8")
    file.with_suffix(".txt").write_text(REFUSED_TEXT, encoding="utf-8")
    code, out, err = run_line("preview-report", str(file))
    assert (code, err) == (1, "ops: the preview of sandbox failed\n")
    assert out.index(VIOLATION_LINES[0]) < out.index(VIOLATION_LINES[1])
    assert "preview failed" not in out


def test_a_report_of_a_preview_that_went_well_ignores_its_text(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.json"
    file.write_text('{"steps": [], "changeSummary": {"same": 3}}', encoding="utf-8")
    file.with_suffix(".txt").write_text("warning: a new version is there\n", encoding="utf-8")
    assert read_previews([file])[0].is_empty


def test_a_report_without_the_text_says_where_the_reason_is(
    run_line: RunLine, tmp_path: Path
) -> None:
    file = tmp_path / "sandbox.json"
    file.write_text(json.dumps(REFUSED_PREVIEW), encoding="utf-8")
    code, out, _ = run_line("preview-report", str(file))
    assert code == 1
    assert "pulumi preview --stack sandbox --policy-pack policy" in out


def test_an_empty_file_says_that_the_reason_is_elsewhere(run_line: RunLine, tmp_path: Path) -> None:
    file = tmp_path / "dev.json"
    file.write_text("{}", encoding="utf-8")
    code, _, err = run_line("preview-report", str(file))
    assert code == 2
    assert "as if Pulumi ended before its first step" in err


@pytest.mark.parametrize(
    ("summary", "steps", "counts"),
    [
        ({"delete": 3, "same": 10}, 0, "3 delete, its steps are 0"),
        ({"delete": 3, "update": 1}, 1, "3 delete, 1 update, its steps are 1"),
    ],
)
def test_a_summary_without_its_steps_is_no_report_of_no_changes(
    run_line: RunLine, tmp_path: Path, summary: dict[str, int], steps: int, counts: str
) -> None:
    step = {"op": "delete", "urn": "urn:pulumi:prod::bulwark::aws:sns/topic:Topic::topic"}
    file = tmp_path / "prod.json"
    document = {"steps": [step] * steps, "changeSummary": summary}
    file.write_text(json.dumps(document), encoding="utf-8")
    code, out, _ = run_line("preview-report", str(file))
    assert code == 1
    assert "no changes" not in out
    assert f"its summary counts {counts}" in out


@pytest.mark.skipif(not CHANGES_FOLDER.is_dir(), reason="previews of the real engine")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("refused-setting", "bulwark:database.crossRegionBackups is True, may be so only with"),
        ("refused-by-policies", "Pulumi's JSON does not say why"),
    ],
)
def test_failures_of_the_real_engine_are_read(name: str, reason: str) -> None:
    (preview,) = read_previews([CHANGES_FOLDER / f"{name}.json"])
    assert reason in preview.errors[-1]
