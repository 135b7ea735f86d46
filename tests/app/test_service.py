"""The service: what it answers, while its database is there, away, failed over or rotated."""

import threading
from datetime import datetime

import pytest

from app.metrics import METRICS
from app.request_log import find_trace_id
from sandbox.postgres.certificates import CertificateAuthority
from tests.app.stage import Answer, AppProcess, AppStage


@pytest.fixture(scope="module")
def migrated(stage: AppStage) -> AppStage:
    """The stage with the tables of the service."""
    assert stage.migrate()[0] == 0
    return stage


def post_in_thread(app: AppProcess, answers: list[Answer]) -> threading.Thread:
    """Sends an item in a thread, which puts the answer into the list."""
    thread = threading.Thread(
        target=lambda: answers.append(app.request("POST", "/items", {"name": "slow"}))
    )
    thread.start()
    return thread


def test_an_item_is_written_and_read(migrated: AppStage) -> None:
    migrated.query("TRUNCATE items")
    with migrated.run_app() as app:
        quoted = "bolt'); DROP TABLE items; --"
        written = app.request("POST", "/items", {"name": f" {quoted} ", "quantity": 4})
        assert written.status == 201
        assert (written.body["name"], written.body["quantity"]) == (quoted, 4)
        path = written.headers["location"]
        assert app.request("GET", path).body == written.body
        others = [
            app.request("POST", "/items", {"name": name}).body for name in ("nut", "Schräubchen")
        ]
        assert [item["quantity"] for item in others] == [1, 1]
        first = app.request("GET", "/items?limit=2")
        assert first.status == 200
        assert first.body["items"] == [written.body, others[0]]
        rest = app.request("GET", f"/items?limit=2&after={first.body['next']}")
        assert rest.body == {"items": [others[1]], "next": None}
    assert migrated.query("SELECT count(*) FROM items") == [(3,)]


def test_items_are_below_a_prefix_that_the_load_balancer_leaves_on(migrated: AppStage) -> None:
    with migrated.run_app(PATH_PREFIX="/api") as app:
        written = app.request("POST", "/api/items", {"name": "bolt"})
        assert written.headers["location"] == f"/api/items/{written.body['id']}"
        assert app.request("GET", written.headers["location"]).body == written.body
        assert app.request("GET", "/items").status == 404
        assert app.request("GET", "/health").status == 200


def test_wrong_input_is_400_with_a_sentence_and_writes_nothing(migrated: AppStage) -> None:
    migrated.query("TRUNCATE items")
    wrong_requests: list[tuple[str, str, object, int, str]] = [
        ("POST", "/items", b"{", 400, "The body must be JSON."),
        ("POST", "/items", b"\xff", 400, "The body must be JSON."),
        ("POST", "/items", b"[" * 16_000, 400, "The body must be"),
        ("POST", "/items", b"", 400, "The body must be JSON."),
        ("POST", "/items", ["bolt"], 400, "The body must be an object"),
        ("POST", "/items", {}, 400, "name must be a text"),
        ("POST", "/items", {"name": " "}, 400, "name must be a text"),
        ("POST", "/items", {"name": "a\0b"}, 400, "name must be a text"),
        ("POST", "/items", {"name": "\ud800"}, 400, "name must be a text"),
        ("POST", "/items", {"name": 4}, 400, "name must be a text"),
        ("POST", "/items", {"name": "x" * 201}, 400, "name must have at most 200 characters"),
        ("POST", "/items", {"name": "x", "price": 4}, 400, "The item has name, quantity, not 'pri"),
        ("POST", "/items", {"name": "x", "quantity": -1}, 400, "quantity must be a whole number"),
        ("POST", "/items", {"name": "x", "quantity": True}, 400, "quantity must be a whole number"),
        ("POST", "/items", {"name": "x", "quantity": 2**31}, 400, "quantity must be a whole"),
        ("POST", "/items", b'{"name": "x", "quantity": NaN}', 400, "quantity must be a whole"),
        ("POST", "/items", {"name": "x" * 20_000}, 400, "The body must have at most 16384 bytes."),
        ("GET", "/items?limit=0", None, 400, "limit must be a whole number from 1 to 100."),
        ("GET", "/items?limit=many", None, 400, "limit must be a whole number"),
        ("GET", "/items?after=-1", None, 400, "after must be a whole number"),
        ("GET", "/items?page=2", None, 400, "The query takes after and limit, not 'page'."),
        ("GET", f"/items/{2**63}", None, 400, "The id must be a whole number"),
        ("GET", "/items/one", None, 400, "The id must be a whole number"),
        ("GET", f"/items/{2**63 - 1}", None, 404, "There is no item 9223372036854775807."),
        ("GET", "/nothing", None, 404, "Not Found"),
        ("DELETE", "/items", None, 405, "Method Not Allowed"),
    ]
    with migrated.run_app() as app:
        for method, path, body, status, message in wrong_requests:
            answer = app.request(method, path, body)
            assert answer.status == status, (method, path, body, answer)
            assert answer.body["error"].startswith(message), (method, path, body, answer)
        assert app.request("GET", "/items").body == {"items": [], "next": None}


def test_health_is_503_while_the_database_is_stopped_and_ok_again_without_a_restart(
    migrated: AppStage,
) -> None:
    api, clock = migrated.database.api, migrated.database.held_clock
    with migrated.run_app() as app:
        healthy = app.wait_for_status("/health", 200).body
        assert (healthy["status"], healthy["database"]) == ("healthy", "connected")
        assert datetime.fromisoformat(healthy["timestamp"]).utcoffset() is not None
        assert app.request("GET", "/items").status == 200
        api.stop_db_instance(DBInstanceIdentifier="main")
        clock.advance(3600)
        unhealthy = app.wait_for_status("/health", 503).body
        assert (unhealthy["status"], unhealthy["database"]) == ("unhealthy", "disconnected")
        assert app.request("GET", "/").status == 200
        refused = app.request("GET", "/items")
        assert (refused.status, refused.body) == (503, {"error": "The database does not answer."})
        api.start_db_instance(DBInstanceIdentifier="main")
        clock.advance(3600)
        app.wait_for_status("/health", 200)
        app.wait_for_status("/items", 200)
        assert app.process.poll() is None


def test_it_starts_without_a_database_and_finds_it_later(migrated: AppStage) -> None:
    api, clock = migrated.database.api, migrated.database.held_clock
    api.stop_db_instance(DBInstanceIdentifier="main")
    clock.advance(3600)
    with migrated.run_app() as app:
        assert app.request("GET", "/health").status == 503
        api.start_db_instance(DBInstanceIdentifier="main")
        clock.advance(3600)
        app.wait_for_status("/health", 200)
        app.wait_for_status("/items", 200)


def test_a_request_that_has_begun_ends_after_sigterm(migrated: AppStage) -> None:
    migrated.query("TRUNCATE items")
    answers: list[Answer] = []
    with migrated.run_app() as app:
        with migrated.lock_items():
            thread = post_in_thread(app, answers)
            migrated.wait_for_waiting_backends(1)
            app.process.terminate()
            app.wait_for_line("Shutting down")
            assert answers == []
        thread.join()
        assert app.process.wait() == 0
        app.wait_for_line("The pool is closed.")
    assert [answer.status for answer in answers] == [201]
    assert migrated.query("SELECT name FROM items") == [("slow",)]


def test_a_service_whose_connections_are_all_at_work_is_healthy(migrated: AppStage) -> None:
    answers: list[Answer] = []
    with migrated.run_app(DB_POOL_SIZE="1") as app:
        with migrated.lock_items():
            thread = post_in_thread(app, answers)
            migrated.wait_for_waiting_backends(1)
            assert app.request("GET", "/health").status == 200
        thread.join()
        assert [answer.status for answer in answers] == [201]


def test_a_rotated_password_is_read_again_and_no_log_holds_one(migrated: AppStage) -> None:
    first_password, second_password = migrated.password, "another-password-of-the-test"
    with migrated.run_app() as app:
        app.wait_for_status("/items", 200)
        migrated.change_password(second_password)
        migrated.fail_over()  # until then the old connections are good
        app.wait_for_status("/health", 200)
        app.wait_for_status("/items", 200)
        app.wait_for_line("the secret was read again and is another one")
        assert app.request("POST", "/items", {"name": "after"}).status == 201
        assert app.stop() == 0
        text = "".join(app.lines)
        assert app.list_records()
    assert first_password not in text
    assert second_password not in text


def test_without_a_secret_to_read_a_wrong_password_is_reported_and_unhealthy(
    migrated: AppStage,
) -> None:
    with migrated.run_app(DB_PASSWORD="an-old-password", DB_SECRET_ARN="") as app:
        assert app.request("GET", "/health").status == 503
        app.wait_for_line("DB_SECRET_ARN is not set")
        assert "an-old-password" not in "".join(app.lines)


def test_after_a_failover_it_goes_on(migrated: AppStage) -> None:
    with migrated.run_app() as app:
        app.wait_for_status("/items", 200)
        migrated.fail_over()
        app.wait_for_status("/health", 200)
        app.wait_for_status("/items", 200)


def test_a_server_whose_certificate_is_of_another_authority_is_not_talked_to(
    migrated: AppStage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = CertificateAuthority(tmp_path_factory.mktemp("authority"), "another CA")
    with migrated.run_app(DB_SSLROOTCERT=str(other.root_file)) as app:
        assert app.request("GET", "/health").status == 503
        app.wait_for_line("certificate verify failed")
    with migrated.run_app() as app:
        app.wait_for_status("/health", 200)


def test_each_request_is_a_line_of_json_with_its_trace_id_and_metrics(migrated: AppStage) -> None:
    trace = "1-67891233-abcdef012345678912345678"
    with migrated.run_app(SERVICE_NAME="backend") as app:
        app.wait_for_status("/health", 200)
        traced = app.request(
            "GET", "/items?limit=3", headers={"X-Amzn-Trace-Id": f"Self=1-2-3;Root={trace}"}
        )
        own = app.request("GET", "/items/none")
        assert app.stop() == 0
        lines = [record for record in app.list_records() if "path" in record]
    assert find_trace_id(traced.headers["x-amzn-trace-id"]) == trace
    health, first, second = lines[0], lines[-2], lines[-1]
    assert "_aws" not in health
    assert (first["level"], first["path"], first["status"]) == ("INFO", "/items", 200)
    assert first["trace_id"] == trace
    assert first["response_time_ms"] >= 0
    assert (second["path"], second["status"]) == ("/items/none", 400)
    assert second["trace_id"] == find_trace_id(own.headers["x-amzn-trace-id"])
    (directive,) = first["_aws"]["CloudWatchMetrics"]
    assert first["_aws"]["Timestamp"] > 1_500_000_000_000
    assert directive["Dimensions"] == [["Service"]]
    assert first["Service"] == "backend"
    assert [metric["Name"] for metric in directive["Metrics"]] == list(METRICS)
    assert (first["Requests"], first["ServerErrors"]) == (1, 0)
    assert first["ResponseTime"] == first["response_time_ms"]
