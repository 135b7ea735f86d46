"""`ops recover reconcile`: Pulumi's state after another instance has the primary's name."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.facts.database import DB_INSTANCE_TYPE
from ops.outputs import parse_outputs
from ops.recovery.reconcile import build_primary_urn
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import describe_database, open_database_console
from tests.world import run_whole_program

PRIMARY_IDENTIFIER = "bulwark-test-database"
INSTANCE_URN = f"urn:pulumi:test::bulwark::bulwark:index:Database${DB_INSTANCE_TYPE}::database"


@pytest.fixture
def ops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[OpsConsole]:
    with open_database_console(capsys, tmp_path) as console:
        yield console


def build_instance_state(*identifiers: str, resource: str = "db-OLD") -> dict[str, Any]:
    """An export as Pulumi writes it, with instances of these names."""
    instances = [
        {
            "urn": f"{INSTANCE_URN}{number or ''}",
            "custom": True,
            "id": resource,
            "type": DB_INSTANCE_TYPE,
            "inputs": {"identifier": name, "port": 5433},
            "outputs": {"id": resource, "resourceId": resource, "identifier": name},
            "protect": True,
        }
        for number, name in enumerate(identifiers)
    ]
    others = [{"urn": "urn:x", "type": "aws:s3/bucket:Bucket", "id": "b", "inputs": {}}]
    return {"version": 3, "deployment": {"manifest": {}, "resources": [*others, *instances]}}


def write_state_file(folder: Path, name: str, body: object) -> Path:
    path = folder / name
    path.write_text(body if isinstance(body, str) else json.dumps(body), encoding="utf-8")
    return path


def test_the_commands_name_the_resource_as_the_program_registers_it(ops: OpsConsole) -> None:
    found = ops.run_for_json("recover reconcile")["items"]
    assert [row["step"] for row in found] == [1, 2, 3, 4, 5, 6]
    assert f"--target '{INSTANCE_URN}'" in found[3]["line"]
    graph = run_whole_program("prod")
    registered = {r.urn for r in graph if r.type == DB_INSTANCE_TYPE}
    assert build_primary_urn(parse_outputs(graph.exports)) in registered


def test_a_reconciled_state_has_the_new_instance_and_is_otherwise_unchanged(
    ops: OpsConsole, tmp_path: Path
) -> None:
    before = build_instance_state(PRIMARY_IDENTIFIER, f"{PRIMARY_IDENTIFIER}-replica-1")
    file, to = write_state_file(tmp_path, "before.json", before), tmp_path / "after.json"
    resource = describe_database(ops.stage)["DbiResourceId"]
    made = ops.run_for_json(f"recover reconcile --state {file} --to {to}")
    assert made["resource"] == resource
    after = json.loads(to.read_text(encoding="utf-8"))
    wanted = build_instance_state(PRIMARY_IDENTIFIER, f"{PRIMARY_IDENTIFIER}-replica-1")
    one = wanted["deployment"]["resources"][1]
    one["id"] = one["outputs"]["id"] = one["outputs"]["resourceId"] = resource
    assert after == wanted
    assert to.stat().st_mode & 0o077 == 0, "a state is nobody else's business"
    again = ops.run_for_json(f"recover reconcile --state {to} --to {tmp_path / 'again.json'}")
    assert again["state"] == "unchanged"
    assert "--to must be a new file" in ops(f"recover reconcile --state {file} --to {to}", 2)[1]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{", "must be a JSON file, but"),
        ("[]", "must be a file with a JSON object"),
        ({"version": 3}, "pulumi stack export --stack test"),
        (build_instance_state(), "contains it 0 times"),
        (build_instance_state(PRIMARY_IDENTIFIER, PRIMARY_IDENTIFIER), "contains it 2 times"),
    ],
)
def test_an_invalid_or_foreign_state_is_refused(
    ops: OpsConsole, tmp_path: Path, body: object, says: str
) -> None:
    file, to = write_state_file(tmp_path, "before.json", body), tmp_path / "after.json"
    said = ops(f"recover reconcile --state {file} --to {to}", 2)[1]
    assert said.startswith("ops: --state must ")
    assert says in said
    assert not to.exists()


@pytest.mark.parametrize("op", ["replace", "delete", "create-replacement", "delete-replaced"])
def test_a_preview_that_loses_something_is_exit_code_3(
    ops: OpsConsole, tmp_path: Path, op: str
) -> None:
    steps = [{"op": "same", "urn": "urn:a"}, {"op": "update", "urn": "urn:b"}]
    good = write_state_file(tmp_path, "good.json", {"steps": steps, "changeSummary": {"same": 1}})
    assert "deletes and replaces nothing" in ops(f"recover reconcile --preview {good}")[0]
    bad = write_state_file(
        tmp_path, "bad.json", {"steps": [*steps, {"op": op, "urn": INSTANCE_URN}]}
    )
    found = ops.run_for_json(f"recover reconcile --preview {bad}", 3)["items"]
    assert found == [{"op": op, "urn": INSTANCE_URN}]
    none = write_state_file(tmp_path, "none.json", {"changeSummary": {}})
    assert "pulumi preview --json" in ops(f"recover reconcile --preview {none}", 2)[1]
