"""The page for people outside: typed sentences alone, and nothing internal."""

import json
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from ops.core.errors import UsageError
from ops.incident.public_status import require_public_text
from tests.ops.command_line import OpsConsole
from tests.ops.procedures.incident import put_stack_and_topics
from tests.ops.service_stage import patch_command_line
from tests.ops.stage import build_stack_outputs, open_stage


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_stage() as stage:
        put_stack_and_topics(stage)
        stage.client("s3").delete_bucket(Bucket=stage.outputs.backups.operations_bucket)
        with (
            patch_command_line(stage, tmp_path) as file,
            patch("ops.core.clock.now", stage.clock.held_clock.now),
        ):
            yield OpsConsole(stage, file, capsys)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * 501,
        "two\nlines",
        "a\x1b[31mb",
        "bulwark-test-database is down",
        "BULWARK-TEST is down",
        "see arn:aws:rds:eu-north-1:123456789012:db:x",
        "in account 123456789012",
        "10.0.0.12 fails",
        "2001:db8:0:1::1 fails",
        "i-0123456789abcdef0 is gone",
        "db.abc.eu-north-1.rds.amazonaws.com is down",
        "backend.internal is down",
        "ask ann@example.com",
    ],
)
def test_what_is_internal_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--public must"):
        require_public_text("--public", text, build_stack_outputs())


@pytest.mark.parametrize(
    "text", ["Payments fail since 14:00 UTC.", "1.5 % of orders were late.", "Nous travaillons."]
)
def test_a_plain_sentence_is_taken(text: str) -> None:
    assert require_public_text("--public", f" {text} ", build_stack_outputs()) == text


def test_the_page_has_the_sentences_and_no_word_more(ops: OpsConsole, tmp_path: Path) -> None:
    html, data = tmp_path / "status.html", tmp_path / "status.json"
    ops(f"incident status --to {html}")
    assert "All services work." in html.read_text("utf-8")
    ops("incident open SecretTitle --severity P1 --commander SecretPerson --yes")
    ops("incident note SecretNote --yes")
    ops(f"incident status --to {data}")
    assert json.loads(data.read_text("utf-8"))["incidents"] == []
    ops("incident status --public Slow<b> --yes")
    ops.stage.clock.sleep(60)
    ops(f"incident status --public Mended. --state monitoring --to {html} --yes")
    ops(f"incident status --to {data}")
    page = html.read_text("utf-8")
    assert "There is an incident." in page
    assert "Slow&lt;b&gt;" in page
    assert "<b>" not in page.replace("<b>There", "").replace("<b>Mon", "").replace("<b>Inv", "")
    body = json.loads(data.read_text("utf-8"))
    (incident,) = body["incidents"]
    assert set(body) == {"schema", "kind", "state", "written", "incidents"}
    assert (body["state"], incident["state"]) == ("incident", "monitoring")
    assert [(u["state"], u["text"]) for u in incident["updates"]] == [
        ("monitoring", "Mended."),
        ("investigating", "Slow<b>"),
    ]
    for text in (page, data.read_text("utf-8")):
        for word in ("Secret", "incident-2", "bulwark", "P1", "123456789012"):
            assert word not in text


def test_a_closed_incident_leaves_the_page_after_a_day(ops: OpsConsole, tmp_path: Path) -> None:
    data = tmp_path / "status.json"
    ops("incident open Slow --severity P1 --yes")
    ops("incident status --public Slow --yes")
    ops.stage.clock.sleep(60)
    ops("incident close --cause lock --public Mended. --yes")
    ops(f"incident status --to {data}")
    body = json.loads(data.read_text("utf-8"))
    assert body["state"] == "operational"
    assert body["incidents"][0]["updates"][0]["text"] == "Mended."
    assert body["incidents"][0]["state"] == "resolved"
    ops.stage.clock.sleep(2 * 86400)
    ops(f"incident status --to {data}")
    assert json.loads(data.read_text("utf-8"))["incidents"] == []
