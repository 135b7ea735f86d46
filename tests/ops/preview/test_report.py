"""Previews as comments of a pull request, through the command line: small ones, and all of prod."""

import json
import re
from pathlib import Path

import pytest

from ops.preview.page import PREVIEW_MARKER
from ops.recovery.reconcile import LOSS_OPERATIONS
from sandbox.program import PROJECT_ROOT
from sandbox.report import build_summary
from tests.ops.preview.reports import (
    DATABASE_TYPE,
    RunLine,
    build_changed_step,
    report_stack,
    write_single_step_preview,
)
from tests.ops.preview_files import PREVIEW_FOLDER, PreviewWriter, write_preview
from tests.world import run_whole_program

CHANGE_PREVIEW, EMPTY_PREVIEW, FAILED_PREVIEW = (
    str(PREVIEW_FOLDER / f"{n}.json") for n in ("change", "empty", "failed")
)
RECORDED_PULUMI_FOLDER = PROJECT_ROOT.parent / "shared" / "reference" / "pulumi"


def test_data_loss_comes_first_and_exits_3(run_line: RunLine) -> None:
    code, out, err = run_line("preview-report", CHANGE_PREVIEW)
    assert code == 3
    assert out.startswith(f"{PREVIEW_MARKER}\n")
    places = [
        out.index(words)
        for words in (
            "DATA WILL BE LOST: 2 changes",
            "REPLACED BY AN EMPTY ONE",
            "NO FINAL SNAPSHOT",
            "DELETED: everything encrypted",
            "Data may be lost",
            "Service is or may be interrupted",
            "Less is kept",
            "| component | created |",
            "<details>",
        )
    ]
    assert places == sorted(places)
    assert err == "ops: 2 changes would lose data; to accept that, use --allow-data-loss\n"


def test_a_loss_that_was_agreed_to_is_shown_all_the_same(run_line: RunLine) -> None:
    code, out, err = run_line("preview-report", CHANGE_PREVIEW, "--allow-data-loss")
    assert (code, err) == (0, "")
    assert "DATA WILL BE LOST: 2 changes.** Allowed by" in out


def test_changes_are_told_by_component_with_those_values_that_may_be_shown(
    run_line: RunLine,
) -> None:
    _, seen = report_stack(run_line, CHANGE_PREVIEW)
    found = {(c["component"], c["name"], c["type"]): c for c in seen["changes"]}
    orders = found["Database", "orders", DATABASE_TYPE]
    assert orders["changes"] == "instanceClass db.t4g.small to db.t4g.large"
    assert found["Database", "database", DATABASE_TYPE]["forcedBy"] == ["kmsKeyId"]
    assert found["stack", "api", "aws:secretsmanager/secret:Secret"]["changes"] == "description"
    assert seen["counts"] == {
        "replaced": 3,
        "deleted": 2,
        "changed": 4,
        "created": 1,
        "forgotten": 0,
    }
    assert seen["unchangedNotInFile"] == 39


@pytest.mark.parametrize("file", [CHANGE_PREVIEW, FAILED_PREVIEW])
@pytest.mark.parametrize("form", ["table", "json"])
def test_no_secret_is_shown(run_line: RunLine, file: str, form: str) -> None:
    assert "hunter2" in Path(file).read_text(encoding="utf-8")
    _, out, err = run_line("preview-report", file, "--output", form)
    _, cost, _ = run_line("cost", "estimate", file, "--output", form)
    assert "hunter2" not in out + err + cost


def test_a_replica_holds_no_data_of_its_own_and_a_former_one_does(
    run_line: RunLine, tmp_path: Path
) -> None:
    made = build_changed_step(DATABASE_TYPE, {"replicateSourceDb": "shop"}, {}, "delete")
    made["oldState"]["outputs"] = {"replicateSourceDb": "shop"}
    assert run_line("preview-report", write_single_step_preview(tmp_path, made))[0] == 0
    made["oldState"]["outputs"] = {"replicateSourceDb": ""}
    assert run_line("preview-report", write_single_step_preview(tmp_path, made))[0] == 3


@pytest.mark.parametrize("op", ["same", "update"])
def test_what_is_released_is_told_before_it_goes(
    run_line: RunLine, tmp_path: Path, op: str
) -> None:
    made = build_changed_step("aws:ecs/service:Service", {}, {}, op)
    made["oldState"]["protect"] = True
    _, seen = report_stack(run_line, write_single_step_preview(tmp_path, made))
    assert [(danger["kind"], danger["what"][:14]) for danger in seen["dangers"]] == [
        ("protects less", "it is released")
    ]
    made["newState"]["protect"] = True
    _, seen = report_stack(run_line, write_single_step_preview(tmp_path, made))
    assert seen["dangers"] == []


def test_what_aws_keeps_is_forgotten_and_not_lost(run_line: RunLine, tmp_path: Path) -> None:
    made = build_changed_step("aws:s3/bucket:Bucket", {}, {}, "delete")
    made["oldState"]["retainOnDelete"] = True
    code, seen = report_stack(run_line, write_single_step_preview(tmp_path, made))
    assert (code, seen["dangers"], seen["counts"]["forgotten"]) == (0, [], 1)


@pytest.mark.parametrize("op", LOSS_OPERATIONS)
def test_every_operation_that_does_away_with_a_bucket_is_told(
    run_line: RunLine, tmp_path: Path, op: str
) -> None:
    code, seen = report_stack(
        run_line,
        write_single_step_preview(tmp_path, build_changed_step("aws:s3/bucket:Bucket", {}, {}, op)),
    )
    if op.startswith("discard"):  # what Pulumi only reads: it is not its own to delete
        assert (code, seen["counts"]["forgotten"]) == (0, 1)
    else:
        assert (code, seen["dangers"][0]["kind"]) == (3, "data")


@pytest.mark.parametrize(
    ("type_", "name", "old", "new", "kind"),
    [
        (DATABASE_TYPE, "backupRetentionPeriod", 7, 0, "data"),
        (DATABASE_TYPE, "backupRetentionPeriod", 7, 3, "protects less"),
        (DATABASE_TYPE, "backupRetentionPeriod", 3, 7, None),
        (DATABASE_TYPE, "backupRetentionPeriod", 0, 7, "interrupts"),
        (DATABASE_TYPE, "deletionProtection", True, False, "protects less"),
        (DATABASE_TYPE, "deletionProtection", False, True, None),
        (DATABASE_TYPE, "skipFinalSnapshot", False, True, "protects less"),
        (DATABASE_TYPE, "engineVersion", "16.4", "16.8", "interrupts"),
        (DATABASE_TYPE, "multiAz", True, False, "interrupts"),
        ("aws:cloudwatch/logGroup:LogGroup", "retentionInDays", 90, 30, "protects less"),
        ("aws:cloudwatch/logGroup:LogGroup", "retentionInDays", 0, 30, "protects less"),
        ("aws:cloudwatch/logGroup:LogGroup", "retentionInDays", 30, 0, None),
        ("aws:lb/listener:Listener", "port", 80, 443, "interrupts"),
        ("aws:ec2/launchTemplate:LaunchTemplate", "userData", "a", "b", "interrupts"),
        ("aws:kms/key:Key", "description", "a", "b", None),
    ],
)
def test_a_change_is_as_dangerous_as_its_table_says(
    run_line: RunLine,
    tmp_path: Path,
    type_: str,
    name: str,
    old: object,
    new: object,
    kind: str | None,
) -> None:
    code, seen = report_stack(
        run_line,
        write_single_step_preview(tmp_path, build_changed_step(type_, {name: old}, {name: new})),
    )
    assert [danger["kind"] for danger in seen["dangers"]] == ([kind] if kind else [])
    assert all(danger["source"] and danger["downtime"] for danger in seen["dangers"])
    assert code == (3 if kind == "data" else 0)


def test_an_update_of_which_the_provider_says_no_more_is_told_by_its_inputs(
    run_line: RunLine, tmp_path: Path
) -> None:
    made = build_changed_step(
        DATABASE_TYPE, {"instanceClass": "a", "tags": {}}, {"instanceClass": "b", "tags": {}}
    )
    assert (
        report_stack(run_line, write_single_step_preview(tmp_path, made))[1]["changes"][0][
            "changes"
        ]
        == "instanceClass a to b"
    )


def test_a_failed_preview_says_why_and_ends_with_1(run_line: RunLine) -> None:
    code, out, err = run_line("preview-report", FAILED_PREVIEW, "--allow-data-loss")
    assert (code, err) == (1, "ops: the preview of shop failed\n")
    assert "bulwark:database.storageGb is 3, must be greater" in out
    assert "a setting will go" not in out
    fenced = re.search(r"^(`{4,})text\n(.*?)\n\1$", out, re.DOTALL | re.MULTILINE)
    assert fenced, "a message with a fence in it stays within a longer one"
    assert "@everyone" in fenced[2]


def test_a_preview_that_failed_before_any_step_exits_1(run_line: RunLine, tmp_path: Path) -> None:
    file = write_preview(
        tmp_path, {"diagnostics": [{"severity": "info#err", "message": "Traceback"}]}
    )
    assert run_line("preview-report", file)[0] == 1
    code, out, err = run_line("cost", "estimate", file)
    assert (code, out) == (1, "")
    assert "failed" in err


def test_an_empty_preview_is_one_line(run_line: RunLine) -> None:
    assert run_line("preview-report", EMPTY_PREVIEW) == (
        0,
        f"{PREVIEW_MARKER}\nPreview of `calm`: no changes.\n",
        "",
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"steps": 3}',
        '{"steps": [{"op": "update"}]}',
        "\x80",
        "[" * 99_999,
        '{"version": 3, "deployment": {}}',
        '{"steps": [{"op": "create", "urn": "hunter2"}]}',
    ],
    ids=lambda text: text[:30],
)
@pytest.mark.parametrize("command", ["preview-report", "cost estimate"])
def test_a_file_that_is_no_preview_is_one_line_that_names_it(
    run_line: RunLine, tmp_path: Path, command: str, text: str
) -> None:
    file = tmp_path / "odd.json"
    file.write_bytes(text.encode("latin-1"))
    code, out, err = run_line(*command.split(), str(file))
    assert (code, out) == (2, "")
    assert err.startswith(f"ops: FILE is '{file}'")
    assert err.count("\n") == 1
    assert "hunter2" not in err


def test_a_stack_given_twice_is_refused(run_line: RunLine) -> None:
    code, _, err = run_line("preview-report", CHANGE_PREVIEW, CHANGE_PREVIEW)
    assert (code, "give one file per stack" in err) == (2, True)


def test_a_report_is_written_to_the_given_file(run_line: RunLine, tmp_path: Path) -> None:
    to = tmp_path / "comment.md"
    code, out, _ = run_line("preview-report", CHANGE_PREVIEW, EMPTY_PREVIEW, "--to", str(to))
    assert (code, out) == (3, "")
    text = to.read_text(encoding="utf-8")
    assert text == run_line("preview-report", CHANGE_PREVIEW, EMPTY_PREVIEW)[1]
    assert "### `calm`\n\nno changes" in text


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("Network", "network"),
        ("LoadBalancer", "alb"),
        ("Database", "database"),
        ("Keys", "keys"),
    ],
)
def test_a_new_prod_costs_what_the_demo_says(
    run_line: RunLine, tmp_path: Path, ours: str, theirs: str
) -> None:
    parts = {
        part.name: part.monthly for part in build_summary(run_whole_program("prod"), "prod").parts
    }
    file = write_preview(tmp_path, PreviewWriter(run_whole_program("prod")).build_preview("create"))
    _, out, _ = run_line("cost", "estimate", file, "--output", "json")
    said = {item["component"]: item["monthly"] for item in json.loads(out)["items"]}
    assert said[ours] == round(parts[theirs], 2) > 0


def test_all_of_prod_costs_what_the_demo_says(run_line: RunLine, tmp_path: Path) -> None:
    summary = build_summary(run_whole_program("prod"), "prod")
    file = write_preview(tmp_path, PreviewWriter(run_whole_program("prod")).build_preview("same"))
    _, out, _ = run_line("cost", "estimate", file, "--output", "json")
    said = json.loads(out)
    assert said["monthly"] == {"prod": round(summary.monthly, 2)}
    assert len(said["usage"]) == len(summary.usage)
    assert said["prices"]["taken"] in run_line("cost", "estimate", file)[1]


def test_a_change_from_now_shows_what_it_would_cost(run_line: RunLine, tmp_path: Path) -> None:
    graph, engine = run_whole_program("prod"), PreviewWriter(run_whole_program("prod"))
    larger = {"instanceClass": "db.m7g.xlarge"}
    steps = [
        engine.build_preview_step("update", r, larger)
        if r.type == DATABASE_TYPE
        else engine.build_preview_step("same", r)
        for r in graph
    ]
    _, seen = report_stack(run_line, write_preview(tmp_path, {"steps": steps}))
    now = graph.get_resource(DATABASE_TYPE).inputs["instanceClass"]
    assert seen["changes"][0]["changes"] == f"instanceClass {now} to db.m7g.xlarge"
    cost = seen["monthly"].pop("Database")
    assert cost["after"] > cost["before"] > 0
    assert all(of["before"] == of["after"] for of in seen["monthly"].values())


@pytest.mark.skipif(
    not RECORDED_PULUMI_FOLDER.is_dir(), reason="previews of the real engine are not here"
)
def test_previews_of_the_real_engine_are_read(run_line: RunLine) -> None:
    code, seen = report_stack(run_line, str(RECORDED_PULUMI_FOLDER / "preview-change.json"))
    assert code == 0
    assert {act: n for act, n in seen["counts"].items() if n} == {
        "changed": 5,
        "deleted": 1,
        "replaced": 4,
    }
    found = {change["name"]: change["changes"] for change in seen["changes"]}
    assert found["db"] == "instanceClass db.t4g.small to db.t4g.large"
    assert {c["component"] for c in seen["changes"]} == {"Net", "stack"}
    code, made = report_stack(run_line, str(RECORDED_PULUMI_FOLDER / "preview-create.json"))
    assert (code, made["dangers"], made["counts"]["created"]) == (0, [], 32)


def test_what_is_deleted_costs_nothing_afterwards(run_line: RunLine, tmp_path: Path) -> None:
    _, seen = report_stack(
        run_line,
        write_preview(tmp_path, PreviewWriter(run_whole_program("prod")).build_preview("delete")),
    )
    assert seen["monthly"]["Keys"] == {"before": 4.0, "after": 0.0}
    assert {of["after"] for of in seen["monthly"].values()} == {0.0}
    assert seen["usage"] == []
