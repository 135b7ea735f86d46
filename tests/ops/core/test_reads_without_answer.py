"""A read that gets no answer in the middle of a run: asked again, said once, never an undo."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import JsonValue

from ops.core.aws import Aws
from ops.core.engine import Engine, SilentListener
from ops.core.errors import (
    CredentialsExpiredError,
    DeniedError,
    OpsError,
    OutcomeUnknownError,
    ThrottledError,
    UnreachableError,
)
from ops.core.journal import Journal
from ops.core.plan import Action
from sandbox.faults import ExpiredCredentialsFault, inject_faults
from tests.ops.core.test_engine import FakeRds, FusedLines, build_fake_resize_plan
from tests.ops.stage import REGION, open_stage

OLD_KEY, NEW_KEY = "ASIAOLDOLDOLDOLDOLD1", "ASIANEWNEWNEWNEWNEW2"
PASSING_ERRORS = (ThrottledError, UnreachableError, OutcomeUnknownError, CredentialsExpiredError)


@dataclass
class NoticeListener(SilentListener):
    notices: list[str] = field(default_factory=list)

    def on_notice(self, text: str) -> None:
        self.notices.append(text)


def build_engine_with_failing_reads(
    world: FakeRds, lines: FusedLines, fail: Callable[[], OpsError | None]
) -> tuple[Engine, NoticeListener]:
    """The engine on a world whose reads fail as `fail` says; None if a read is answered."""
    listener = NoticeListener()

    def run_action(action: Action, step_results: dict[str, JsonValue]) -> JsonValue:
        if ".describe" in action.api and (error := fail()) is not None:  # type: ignore[union-attr]
            raise error
        return world.run_action(action, step_results)

    return Engine(run_action, Journal(lines), world, listener, settle_seconds=60), listener


@pytest.mark.parametrize("error_type", PASSING_ERRORS)
def test_a_read_without_an_answer_in_a_wait_is_repeated_and_said_once(
    error_type: type[OpsError],
) -> None:
    world = FakeRds(change_seconds=2000)
    failures = iter(range(20))

    def fail() -> OpsError | None:
        is_waiting = bool(world.snapshots) and world.time > 1100
        return error_type("no answer") if is_waiting and next(failures, None) is not None else None

    engine, listener = build_engine_with_failing_reads(world, FusedLines(), fail)
    assert engine.start(build_fake_resize_plan()) == "done"
    assert next(failures, None) is None, "no read failed"
    assert world.collect_facts() == ("large", ["before-r1"], 1)
    assert listener.notices == [
        # the step's limit of an hour counts from its call at second 1000
        "no answer, asked again until 1970-01-01 01:16 UTC: no answer"
    ]


@pytest.mark.parametrize("error_type", PASSING_ERRORS)
def test_a_wait_without_an_answer_stops_at_its_limit_without_undo(
    error_type: type[OpsError],
) -> None:
    world, lines = FakeRds(change_seconds=100), FusedLines()
    engine, _ = build_engine_with_failing_reads(
        world, lines, lambda: error_type("silence") if world.changes else None
    )
    with pytest.raises(error_type, match=r"resize could not be observed for 3600 s: silence"):
        engine.start(build_fake_resize_plan())
    assert not Journal(lines).is_undoing
    assert world.modify_count == 1
    again, _ = build_engine_with_failing_reads(world, lines, lambda: None)
    assert again.resume() == "done"
    assert world.modify_count == 1


def test_an_unanswered_read_before_the_first_change_stops_at_once() -> None:
    world = FakeRds()
    engine, listener = build_engine_with_failing_reads(
        world, FusedLines(), lambda: UnreachableError("no route")
    )
    with pytest.raises(UnreachableError, match=r"^no route$"):
        engine.start(build_fake_resize_plan())
    assert (world.time, listener.notices) == (1000, [])


def test_a_denied_read_is_not_repeated() -> None:
    world = FakeRds()
    engine, listener = build_engine_with_failing_reads(
        world, FusedLines(), lambda: DeniedError("not allowed") if world.changes else None
    )
    with pytest.raises(DeniedError, match=r"^not allowed$"):
        engine.start(build_fake_resize_plan())
    assert listener.notices == []


def write_credentials(path: Path, access_key: str) -> None:
    path.write_text(
        f"[default]\naws_access_key_id = {access_key}\naws_secret_access_key = secret\n"
        f"aws_session_token = token-{access_key}\n",
        encoding="utf-8",
    )


@pytest.fixture
def credentials_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file of credentials on a stage of its own; the environment has none."""
    path = tmp_path / "credentials"
    write_credentials(path, OLD_KEY)
    with open_stage():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
        yield path


def test_expired_credentials_are_reloaded_for_every_client(credentials_file: Path) -> None:
    aws = Aws(REGION)
    account = aws.get_account()
    s3 = aws.client("s3")  # as a journal has it for the whole run
    with inject_faults(ExpiredCredentialsFault(OLD_KEY)):
        with pytest.raises(CredentialsExpiredError, match=r"rds.describe_db_instances .*again"):
            aws.call("rds.describe_db_instances", {})
        write_credentials(credentials_file, NEW_KEY)
        assert aws.call("rds.describe_db_instances", {}) == {"DBInstances": []}
        assert s3.list_buckets()["Buckets"] == []
        assert aws.get_account() == account


def test_credentials_of_another_account_never_replace_expired_ones(
    credentials_file: Path,
) -> None:
    aws = Aws(REGION)
    aws.get_account()
    aws._renewal.remember_account("999999999999")
    with inject_faults(ExpiredCredentialsFault(OLD_KEY)):
        write_credentials(credentials_file, NEW_KEY)
        with pytest.raises(CredentialsExpiredError):
            aws.call("rds.describe_db_instances", {})


@pytest.mark.parametrize(
    ("code", "sent_again"),
    [
        ("ExpiredToken", True),
        ("RequestExpired", True),  # as EC2 says it
        ("InvalidClientTokenId", True),  # its key was replaced
        ("UnrecognizedClientException", True),
        ("AccessDenied", False),
        ("SignatureDoesNotMatch", False),
    ],
)
def test_a_call_is_repeated_with_new_credentials_only_if_the_old_ones_expired(
    credentials_file: Path, code: str, sent_again: bool
) -> None:
    aws = Aws(REGION)
    aws.get_account()
    write_credentials(credentials_file, NEW_KEY)
    wait_seconds = aws._retry_if_renewed((None, {"Error": {"Code": code}}), 1)
    assert wait_seconds == (0 if sent_again else None)
