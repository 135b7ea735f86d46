"""The comment of a pull request: it fits, and what is cut is never what is dangerous."""

import json
from pathlib import Path

import pytest

from ops.preview.page import MAX_COMMENT_CHARACTERS
from tests.ops.preview.reports import (
    DATABASE_TYPE,
    RunLine,
    build_changed_step,
    report_stack,
    write_single_step_preview,
)
from tests.ops.preview_files import PreviewWriter, write_preview
from tests.world import run_whole_program


@pytest.mark.parametrize("op", ["create", "delete", "replace"])
def test_300_resources_fit_into_a_comment(run_line: RunLine, tmp_path: Path, op: str) -> None:
    graph = run_whole_program("prod")
    file = write_preview(tmp_path, PreviewWriter(graph).build_preview(op))
    code, out, _ = run_line("preview-report", file)
    _, seen = report_stack(run_line, file)
    assert len(seen["changes"]) == sum(1 for r in graph if r.is_in_aws) > 300
    assert code == (0 if op == "create" else 3)
    assert len(out.encode()) <= MAX_COMMENT_CHARACTERS
    assert "| component |" in out
    # The table goes before a danger does.
    assert "<details>" in out.partition("| component |")[2] or "the table of `prod`" in out
    assert "unknown" not in {danger["kind"] for danger in seen["dangers"]}
    for danger in seen["dangers"]:
        assert f"`{danger['name']}`" in out or f" {danger['name']}`" in out
    if op == "create":
        assert all(f"`{change['name']}`" in out for change in seen["changes"])
        assert "Left out" not in out


@pytest.mark.parametrize("stacks", [6, 12])
def test_a_long_report_is_cut_but_never_its_dangers(
    run_line: RunLine, tmp_path: Path, stacks: int
) -> None:
    files, engine = [], PreviewWriter(run_whole_program("prod"))
    for number in range(stacks):
        preview = engine.build_preview("create")
        dropped = [
            r for r in run_whole_program("prod") if r.type in (DATABASE_TYPE, "aws:kms/key:Key")
        ]
        preview["steps"] = [
            s
            for s in preview["steps"]
            if s["urn"] not in {engine.get_engine_urn(r.urn) for r in dropped}
        ] + [engine.build_preview_step("delete", r) for r in dropped]
        text = json.dumps(preview).replace("urn:pulumi:prod::", f"urn:pulumi:prod{number}::")
        files.append(write_preview(tmp_path, json.loads(text), f"{number}.json"))
    code, out, _ = run_line("preview-report", *files)
    assert code == 3
    assert len(out.encode()) <= MAX_COMMENT_CHARACTERS
    assert out.count("DELETED: ") == stacks * len(dropped)
    assert (
        "_Omitted because of GitHub's limit of 65,536 characters: " in out.rstrip().splitlines()[-1]
    )
    assert out.count("<details>") == out.count("</details>") > 3


def test_dangers_that_do_not_fit_in_any_words_are_an_error(
    run_line: RunLine, tmp_path: Path
) -> None:
    buckets = [build_changed_step("aws:s3/bucket:Bucket", {}, {}, "delete") for _ in range(400)]
    for number, made in enumerate(buckets):
        made["urn"] += f"-{number}-{'x' * 200}"
    code, out, err = run_line("preview-report", write_preview(tmp_path, {"steps": buckets}))
    assert (code, out) == (1, "")
    assert "do not fit" in err


def test_names_are_no_markup(run_line: RunLine, tmp_path: Path) -> None:
    made = build_changed_step("aws:s3/bucket:Bucket", {}, {"a|b<script>": 1})
    made["urn"] += "|`</details>@all"
    _, out, _ = run_line("preview-report", write_single_step_preview(tmp_path, made))
    assert "<script>" not in out
    assert "`it/'</details>@all`" in out
