"""Which release a rollback goes back to: a proven one, and never the one that was just left."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.services import release_history
from ops.services.model import list_deployment_history
from tests.ops.command_line import OpsConsole
from tests.ops.service_stage import (
    BACKEND_IMAGE,
    describe_service,
    get_backend_digest_reference,
    open_service_console,
)


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_service_console(capsys, tmp_path) as console:
        yield console


class _FailingHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(500)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def failing_url() -> Iterator[str]:
    """A URL that answers with 500."""
    server = HTTPServer(("127.0.0.1", 0), _FailingHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def deploy(ops: OpsConsole, tag: str, options: str = "", expected_code: int = 0) -> None:
    line = f"service deploy {BACKEND_IMAGE}:{tag} --service backend --yes {options}"
    ops(line.strip(), expected_code)
    ops.stage.clock.sleep(600)


def get_current(ops: OpsConsole) -> str:
    return str(describe_service(ops.stage)["taskDefinition"].rpartition(":")[2])


def list_proofs(ops: OpsConsole) -> list[tuple[str, str]]:
    """The releases by number, and whether they are proven."""
    rows = ops.run_for_json("service revisions --service backend")["items"]
    return [(row["revision"].rpartition(":")[2], row["proven"]) for row in rows]


def test_a_second_rollback_goes_further_back_and_not_to_what_was_just_left(
    ops: OpsConsole,
) -> None:
    deploy(ops, "v2")
    deploy(ops, "v3")
    for expected in ("2", "1"):
        ops("service rollback --service backend --yes")
        ops.stage.clock.sleep(600)
        assert get_current(ops) == expected
    _, err = ops("service rollback --service backend --yes", 2)
    assert "there is no other proven release of backend" in err
    assert (
        "bulwark-test-backend:3: the service was put back from it on bulwark-test-backend:2" in err
    )
    assert get_current(ops) == "1"


def test_a_release_that_was_left_and_deployed_again_is_proven_again(ops: OpsConsole) -> None:
    deploy(ops, "v2")
    ops("service rollback --service backend --yes")
    ops.stage.clock.sleep(600)
    ops("service rollback --service backend --to 2 --yes")
    ops.stage.clock.sleep(600)
    assert list_proofs(ops) == [("2", "yes"), ("1", "yes")]
    deploy(ops, "v3")
    ops("service rollback --service backend --yes")
    assert get_current(ops) == "2"


def test_a_note_on_an_old_run_does_not_make_it_the_newest(ops: OpsConsole) -> None:
    deploy(ops, "v2")
    undone_run = ops.run_for_json("runs list")["items"][0]["run"]
    ops(f"runs undo {undone_run} --yes")
    ops.stage.clock.sleep(600)
    assert dict(list_proofs(ops))["2"].startswith(f"no: run {undone_run} was undone")
    ops("service rollback --service backend --to 2 --yes")
    ops.stage.clock.sleep(600)
    proofs = list_proofs(ops)
    assert dict(proofs)["2"] == "yes"
    ops(f"runs note {undone_run} slow")
    assert list_proofs(ops) == proofs


def test_a_rollback_that_is_under_way_is_not_turned_forward(ops: OpsConsole) -> None:
    deploy(ops, "v2")
    deploy(ops, "v3")
    ops("service rollback --service backend --yes --no-wait")
    assert describe_service(ops.stage)["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    out, _ = ops("service rollback --service backend --dry-run")
    assert "put backend back on bulwark-test-backend:1" in out


def test_a_release_whose_url_did_not_answer_is_not_proven(
    ops: OpsConsole, failing_url: str
) -> None:
    deploy(ops, "v2", f"--url {failing_url}", 5)
    assert get_current(ops) == "1"

    def forget_first(*args: Any) -> list[Any]:
        """As after 90 days, for which ECS keeps deployments."""
        return list(list_deployment_history(*args))[:-1]

    deploy(ops, "v3")
    with patch.object(release_history, "list_deployment_history", forget_first):
        proofs = dict(list_proofs(ops))
        assert proofs["3"] == "yes"
        assert proofs["2"].startswith("no: run deploy-")
        assert "was undone: status is 500" in proofs["2"]
        ops("service rollback --service backend --yes")
    assert get_current(ops) == "1"


def test_a_named_release_that_is_not_proven_is_said_to_be_so(
    ops: OpsConsole, failing_url: str
) -> None:
    deploy(ops, "v2", f"--url {failing_url}", 5)
    out, _ = ops("service rollback --service backend --to 2 --dry-run")
    assert "bulwark-test-backend:2 is not proven: run deploy-" in out


def test_a_deployment_of_no_task_is_neither_completed_nor_proven(ops: OpsConsole) -> None:
    deploy(ops, "v2")
    ops.stage.client("ecs").update_service(
        cluster="bulwark-test", service="backend", desiredCount=0
    )
    ops.stage.clock.sleep(600)
    line = f"service deploy {BACKEND_IMAGE}:v4-crash --service backend"
    out, _ = ops(f"{line} --dry-run")
    assert "backend has 0 tasks: ECS calls the deployment successful" in out
    assert ops.run_for_json(f"{line} --yes")["completed"] is False
    ops.stage.clock.sleep(600)
    ops.stage.client("ecs").update_service(
        cluster="bulwark-test", service="backend", desiredCount=2
    )
    deploy(ops, "v3")
    proofs = dict(list_proofs(ops))
    assert proofs["3"] == "no: no task of it ran: the service had 0 tasks"
    out, _ = ops("service rollback --service backend --yes")
    assert f"-> {get_backend_digest_reference(ops.stage, 'v2')}" in out
    assert get_current(ops) == "2"


def test_a_url_cannot_be_asked_of_a_service_without_tasks(ops: OpsConsole) -> None:
    ops.stage.client("ecs").update_service(
        cluster="bulwark-test", service="backend", desiredCount=0
    )
    ops.stage.clock.sleep(600)
    _, err = ops(
        f"service deploy {BACKEND_IMAGE}:v2 --service backend --url http://localhost:1/ --yes", 2
    )
    assert "--url is 'http://localhost:1/', but backend has 0 tasks" in err
    assert "ops service scale COUNT --service backend" in err


def test_an_unfinished_run_does_not_prove_what_it_deployed(ops: OpsConsole) -> None:
    _, err = ops(f"service deploy {BACKEND_IMAGE}:v2 --service backend --yes --timeout 1", 4)
    assert "ops runs resume" in err
    ops.stage.clock.sleep(600)
    ops("lock break --reason test --yes")
    doubt = dict(list_proofs(ops))["2"]
    assert doubt.startswith("no: run deploy-")
    assert doubt.endswith("has not finished")
