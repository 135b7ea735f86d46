"""Previews as comments of a pull request, through the command line: small ones, and all of prod."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.cli.app import main
from ops.preview.page import MAX_COMMENT_CHARACTERS, PREVIEW_MARKER
from ops.recovery.reconcile import LOSES
from sandbox.program import PROJECT_ROOT
from sandbox.report import build_summary
from tests.ops.call_recorder import recorded
from tests.ops.preview_files import PREVIEWS, Engine, write
from tests.world import whole

CHANGE, EMPTY, FAILED = (str(PREVIEWS / f"{n}.json") for n in ("change", "empty", "failed"))
RECORDED = PROJECT_ROOT.parent / "shared" / "reference" / "pulumi"
DATABASE = "aws:rds/instance:Instance"
Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Typed:
    """Types a line; its exit code, stdout and stderr. None of them may call AWS."""

    def line(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with recorded() as calls:
            code = main(list(words))
        assert calls == []
        said = capsys.readouterr()
        return code, said.out, said.err

    return line


def told(typed: Typed, *words: str) -> tuple[int, Any]:
    """The exit code of a report, and its only stack as JSON."""
    code, out, _ = typed("preview-report", *words, "--output", "json")
    return code, json.loads(out)["stacks"][0]


def one(tmp_path: Path, made: dict[str, Any]) -> str:
    """A file of a preview with one step."""
    return write(tmp_path, {"steps": [made], "changeSummary": {made["op"]: 1}})


def changed(type_: str, old: dict[str, Any], new: dict[str, Any], op: str = "update") -> Any:
    """A step of a resource that stands in no component."""
    urn = f"urn:pulumi:shop::bulwark::{type_}::it"
    states = {
        "oldState": {"type": type_, "inputs": old},
        "newState": {"type": type_, "inputs": new},
    }
    if op == "delete":
        del states["newState"]
    return {"op": op, "urn": urn, **states}


def test_what_loses_data_comes_first_and_ends_with_3(typed: Typed) -> None:
    code, out, err = typed("preview-report", CHANGE)
    assert code == 3
    assert out.startswith(f"{PREVIEW_MARKER}\n")
    places = [
        out.index(words)
        for words in (
            "DATA IS LOST: 2 changes",
            "REPLACED BY AN EMPTY ONE",
            "NO FINAL SNAPSHOT",
            "DELETED: all that was encrypted",
            "Perhaps data is lost",
            "Service is interrupted",
            "Less is kept",
            "| component | created |",
            "<details>",
        )
    ]
    assert places == sorted(places)
    assert err == "ops: data would be lost by 2 changes; --allow-data-loss agrees to it\n"


def test_a_loss_that_was_agreed_to_is_shown_all_the_same(typed: Typed) -> None:
    code, out, err = typed("preview-report", CHANGE, "--allow-data-loss")
    assert (code, err) == (0, "")
    assert "DATA IS LOST: 2 changes.** It was agreed to" in out


def test_changes_are_told_by_component_with_those_values_that_may_be_shown(typed: Typed) -> None:
    _, seen = told(typed, CHANGE)
    found = {(c["component"], c["name"], c["type"]): c for c in seen["changes"]}
    orders = found["Database", "orders", DATABASE]
    assert orders["changes"] == "instanceClass db.t4g.small to db.t4g.large"
    assert found["Database", "database", DATABASE]["forcedBy"] == ["kmsKeyId"]
    assert found["stack", "api", "aws:secretsmanager/secret:Secret"]["changes"] == "description"
    assert seen["counts"] == {
        "replaced": 3,
        "deleted": 2,
        "changed": 4,
        "created": 1,
        "forgotten": 0,
    }
    assert seen["unchangedNotInFile"] == 39


@pytest.mark.parametrize("file", [CHANGE, FAILED])
@pytest.mark.parametrize("form", ["table", "json"])
def test_no_secret_is_shown(typed: Typed, file: str, form: str) -> None:
    assert "hunter2" in Path(file).read_text(encoding="utf-8")
    _, out, err = typed("preview-report", file, "--output", form)
    _, cost, _ = typed("cost", "estimate", file, "--output", form)
    assert "hunter2" not in out + err + cost


def test_a_replica_holds_no_data_of_its_own_and_a_former_one_does(
    typed: Typed, tmp_path: Path
) -> None:
    made = changed(DATABASE, {"replicateSourceDb": "shop"}, {}, "delete")
    made["oldState"]["outputs"] = {"replicateSourceDb": "shop"}
    assert typed("preview-report", one(tmp_path, made))[0] == 0
    made["oldState"]["outputs"] = {"replicateSourceDb": ""}
    assert typed("preview-report", one(tmp_path, made))[0] == 3


def test_what_aws_keeps_is_forgotten_and_not_lost(typed: Typed, tmp_path: Path) -> None:
    made = changed("aws:s3/bucket:Bucket", {}, {}, "delete")
    made["oldState"]["retainOnDelete"] = True
    code, seen = told(typed, one(tmp_path, made))
    assert (code, seen["dangers"], seen["counts"]["forgotten"]) == (0, [], 1)


@pytest.mark.parametrize("op", LOSES)
def test_every_operation_that_does_away_with_a_bucket_is_told(
    typed: Typed, tmp_path: Path, op: str
) -> None:
    code, seen = told(typed, one(tmp_path, changed("aws:s3/bucket:Bucket", {}, {}, op)))
    if op.startswith("discard"):  # what Pulumi only reads: it is not its own to delete
        assert (code, seen["counts"]["forgotten"]) == (0, 1)
    else:
        assert (code, seen["dangers"][0]["kind"]) == (3, "data")


@pytest.mark.parametrize(
    ("type_", "name", "old", "new", "kind"),
    [
        (DATABASE, "backupRetentionPeriod", 7, 0, "data"),
        (DATABASE, "backupRetentionPeriod", 7, 3, "protects less"),
        (DATABASE, "backupRetentionPeriod", 3, 7, None),
        (DATABASE, "backupRetentionPeriod", 0, 7, None),
        (DATABASE, "deletionProtection", True, False, "protects less"),
        (DATABASE, "deletionProtection", False, True, None),
        (DATABASE, "skipFinalSnapshot", False, True, "protects less"),
        (DATABASE, "engineVersion", "16.4", "16.8", "interrupts"),
        (DATABASE, "multiAz", True, False, "interrupts"),
        ("aws:cloudwatch/logGroup:LogGroup", "retentionInDays", 90, 30, "protects less"),
        ("aws:cloudwatch/logGroup:LogGroup", "retentionInDays", 0, 30, "protects less"),
        ("aws:cloudwatch/logGroup:LogGroup", "retentionInDays", 30, 0, None),
        ("aws:lb/listener:Listener", "port", 80, 443, "interrupts"),
        ("aws:ec2/launchTemplate:LaunchTemplate", "userData", "a", "b", "interrupts"),
        ("aws:kms/key:Key", "description", "a", "b", None),
    ],
)
def test_a_change_is_as_dangerous_as_its_table_says(
    typed: Typed, tmp_path: Path, type_: str, name: str, old: object, new: object, kind: str | None
) -> None:
    code, seen = told(typed, one(tmp_path, changed(type_, {name: old}, {name: new})))
    assert [danger["kind"] for danger in seen["dangers"]] == ([kind] if kind else [])
    assert all(danger["source"] and danger["downtime"] for danger in seen["dangers"])
    assert code == (3 if kind == "data" else 0)


def test_an_update_of_which_the_provider_says_no_more_is_told_by_its_inputs(
    typed: Typed, tmp_path: Path
) -> None:
    made = changed(DATABASE, {"instanceClass": "a", "tags": {}}, {"instanceClass": "b", "tags": {}})
    assert told(typed, one(tmp_path, made))[1]["changes"][0]["changes"] == "instanceClass a to b"


def test_a_failed_preview_says_why_and_ends_with_1(typed: Typed) -> None:
    code, out, err = typed("preview-report", FAILED, "--allow-data-loss")
    assert (code, err) == (1, "ops: the preview of shop failed\n")
    assert "bulwark:database.storageGb is 3, may be greater" in out
    assert "a setting will go" not in out
    fenced = re.search(r"^(`{4,})text\n(.*?)\n\1$", out, re.DOTALL | re.MULTILINE)
    assert fenced, "a message with a fence in it stays within a longer one"
    assert "@everyone" in fenced[2]


def test_a_failure_before_any_step_is_one(typed: Typed, tmp_path: Path) -> None:
    file = write(tmp_path, {"diagnostics": [{"severity": "info#err", "message": "Traceback"}]})
    assert typed("preview-report", file)[0] == 1
    code, out, err = typed("cost", "estimate", file)
    assert (code, out) == (1, "")
    assert "failed" in err


def test_an_empty_preview_is_one_line(typed: Typed) -> None:
    assert typed("preview-report", EMPTY) == (
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
    typed: Typed, tmp_path: Path, command: str, text: str
) -> None:
    file = tmp_path / "odd.json"
    file.write_bytes(text.encode("latin-1"))
    code, out, err = typed(*command.split(), str(file))
    assert (code, out) == (2, "")
    assert err.startswith(f"ops: FILE is '{file}'")
    assert err.count("\n") == 1
    assert "hunter2" not in err


def test_a_stack_given_twice_is_refused(typed: Typed) -> None:
    code, _, err = typed("preview-report", CHANGE, CHANGE)
    assert (code, "one already" in err) == (2, True)


def test_a_comment_is_written_where_it_is_to_go(typed: Typed, tmp_path: Path) -> None:
    to = tmp_path / "comment.md"
    code, out, _ = typed("preview-report", CHANGE, EMPTY, "--to", str(to))
    assert (code, out) == (3, "")
    text = to.read_text(encoding="utf-8")
    assert text == typed("preview-report", CHANGE, EMPTY)[1]
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
    typed: Typed, tmp_path: Path, ours: str, theirs: str
) -> None:
    parts = {part.name: part.monthly for part in build_summary(whole("prod"), "prod").parts}
    file = write(tmp_path, Engine(whole("prod")).all("create"))
    _, out, _ = typed("cost", "estimate", file, "--output", "json")
    said = {item["component"]: item["monthly"] for item in json.loads(out)["items"]}
    assert said[ours] == round(parts[theirs], 2) > 0


def test_all_of_prod_costs_what_the_demo_says(typed: Typed, tmp_path: Path) -> None:
    summary = build_summary(whole("prod"), "prod")
    file = write(tmp_path, Engine(whole("prod")).all("same"))
    _, out, _ = typed("cost", "estimate", file, "--output", "json")
    said = json.loads(out)
    assert said["monthly"] == {"prod": round(summary.monthly, 2)}
    assert len(said["usage"]) == len(summary.usage)
    assert said["prices"]["taken"] in typed("cost", "estimate", file)[1]


@pytest.mark.parametrize("op", ["create", "delete", "replace"])
def test_300_resources_fit_into_a_comment(typed: Typed, tmp_path: Path, op: str) -> None:
    graph = whole("prod")
    file = write(tmp_path, Engine(graph).all(op))
    code, out, _ = typed("preview-report", file)
    _, seen = told(typed, file)
    assert len(seen["changes"]) == sum(1 for r in graph if r.is_in_aws) > 300
    assert code == (0 if op == "create" else 3)
    assert len(out.encode()) <= MAX_COMMENT_CHARACTERS
    assert out.index("| component |") < out.index("<details>")
    assert "unknown" not in {danger["kind"] for danger in seen["dangers"]}
    for danger in seen["dangers"]:
        assert f"`{danger['name']}`" in out or f" {danger['name']}`" in out
    if op == "create":
        assert all(f"`{change['name']}`" in out for change in seen["changes"])
        assert "Left out" not in out


@pytest.mark.parametrize("stacks", [6, 12])
def test_what_is_too_long_is_cut_but_never_the_dangerous(
    typed: Typed, tmp_path: Path, stacks: int
) -> None:
    files, engine = [], Engine(whole("prod"))
    for number in range(stacks):
        preview = engine.all("create")
        dropped = [r for r in whole("prod") if r.type in (DATABASE, "aws:kms/key:Key")]
        preview["steps"] = [
            s for s in preview["steps"] if s["urn"] not in {engine.urn(r.urn) for r in dropped}
        ] + [engine.step("delete", r) for r in dropped]
        text = json.dumps(preview).replace("urn:pulumi:prod::", f"urn:pulumi:prod{number}::")
        files.append(write(tmp_path, json.loads(text), f"{number}.json"))
    code, out, _ = typed("preview-report", *files)
    assert code == 3
    assert len(out.encode()) <= MAX_COMMENT_CHARACTERS
    assert out.count("DELETED: ") == stacks * len(dropped)
    assert "_Left out for GitHub's limit of 65,536 characters: " in out.rstrip().splitlines()[-1]
    assert out.count("<details>") == out.count("</details>") > 3


def test_dangers_that_do_not_fit_in_any_words_are_an_error(typed: Typed, tmp_path: Path) -> None:
    buckets = [changed("aws:s3/bucket:Bucket", {}, {}, "delete") for _ in range(400)]
    for number, made in enumerate(buckets):
        made["urn"] += f"-{number}-{'x' * 200}"
    code, out, err = typed("preview-report", write(tmp_path, {"steps": buckets}))
    assert (code, out) == (1, "")
    assert "does not fit" in err


def test_a_change_from_now_shows_what_it_would_cost(typed: Typed, tmp_path: Path) -> None:
    graph, engine = whole("prod"), Engine(whole("prod"))
    larger = {"instanceClass": "db.m7g.xlarge"}
    steps = [
        engine.step("update", r, larger) if r.type == DATABASE else engine.step("same", r)
        for r in graph
    ]
    _, seen = told(typed, write(tmp_path, {"steps": steps}))
    now = graph.get_resource(DATABASE).inputs["instanceClass"]
    assert seen["changes"][0]["changes"] == f"instanceClass {now} to db.m7g.xlarge"
    cost = seen["monthly"].pop("Database")
    assert cost["after"] > cost["before"] > 0
    assert all(of["before"] == of["after"] for of in seen["monthly"].values())


def test_names_are_no_markup(typed: Typed, tmp_path: Path) -> None:
    made = changed("aws:s3/bucket:Bucket", {}, {"a|b<script>": 1})
    made["urn"] += "|`</details>@all"
    _, out, _ = typed("preview-report", one(tmp_path, made))
    assert "<script>" not in out
    assert "`it/'</details>@all`" in out


@pytest.mark.skipif(not RECORDED.is_dir(), reason="previews of the real engine are not here")
def test_previews_of_the_real_engine_are_read(typed: Typed) -> None:
    code, seen = told(typed, str(RECORDED / "preview-change.json"))
    assert code == 0
    assert {act: n for act, n in seen["counts"].items() if n} == {
        "changed": 5,
        "deleted": 1,
        "replaced": 4,
    }
    found = {change["name"]: change["changes"] for change in seen["changes"]}
    assert found["db"] == "instanceClass db.t4g.small to db.t4g.large"
    assert {c["component"] for c in seen["changes"]} == {"Net", "stack"}
    code, made = told(typed, str(RECORDED / "preview-create.json"))
    assert (code, made["dangers"], made["counts"]["created"]) == (0, [], 32)


def test_what_is_deleted_costs_nothing_afterwards(typed: Typed, tmp_path: Path) -> None:
    _, seen = told(typed, write(tmp_path, Engine(whole("prod")).all("delete")))
    assert seen["monthly"]["Keys"] == {"before": 3.0, "after": 0.0}
    assert {of["after"] for of in seen["monthly"].values()} == {0.0}
    assert seen["usage"] == []
