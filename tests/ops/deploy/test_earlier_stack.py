"""What the plan of `ops deploy` says of the stack before: whether the commit ran there, and how."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from ops.checks.model import ChecklistResult
from ops.core.aws import Aws
from ops.core.errors import RefusedError, UsageError
from ops.deploy.earlier_stack import find_earlier_stack, parse_commit_history
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.change_stage import ALARM, put_raised_alarm
from tests.ops.every_command import open_command_line
from tests.ops.fake_pulumi import FakeStack
from tests.ops.procedures.deploy import NEW_COMMIT, OLD_COMMIT, put_earlier_stack
from tests.ops.procedures.recover_rebuild import PROGRAM_FOLDER
from tests.ops.stage import Stage

SHORT = NEW_COMMIT[:12]
LINE = f"deploy test --after staging --dry-run --program {PROGRAM_FOLDER} --output json"
PASSING_RESULTS = [
    ChecklistResult("lock", "lock", "nobody changes it", "ok", "it is free", "", "", ())
]


def build_update(
    now: datetime, hours_ago: float, commit: str, message: str = "by hand", **fields: Any
) -> dict[str, Any]:
    """An update of five minutes as `pulumi stack history --json` prints it."""
    began = now - timedelta(hours=hours_ago)
    return {
        "kind": "update",
        "result": "succeeded",
        "message": message,
        "startTime": f"{began:%Y-%m-%dT%H:%M:%S}.000Z",
        "endTime": f"{began + timedelta(minutes=5):%Y-%m-%dT%H:%M:%S}.000Z",
        "environment": {"git.head": commit, "git.dirty": "false"},
        **fields,
    }


class EarlierStage:
    """A stack to deploy, and `staging` before it, which has the stage's own resources."""

    def __init__(
        self, stage: Stage, run_line: Callable[[str], int], capture: pytest.CaptureFixture[str]
    ) -> None:
        self.stage, self.run_line, self.capture = stage, run_line, capture
        self.pulumi = pretended_pulumi.get_fake_pulumi(stage)
        self.now = datetime.fromtimestamp(stage.clock.now(), UTC)
        self.put_staging()

    def put_staging(self, *updates: Any) -> FakeStack:
        """Its history, oldest first."""
        outputs = json.loads(self.stage.outputs.model_dump_json(by_alias=True))
        staging = FakeStack({}, 300, {}, [*updates], outputs)
        self.pulumi.stacks["staging"] = staging
        return staging

    def update(self, hours_ago: float, commit: str, message: str = "x", **fields: Any) -> Any:
        return build_update(self.now, hours_ago, commit, message, **fields)

    def read_notes(self, line: str = LINE) -> str:
        """What the plan's notes say of the stack before."""
        self.capture.readouterr()
        code = self.run_line(line)
        captured = self.capture.readouterr()
        assert code == 0, captured.err
        notes = json.loads(captured.out)["plan"]["notes"]
        return "\n".join(note for note in notes if "staging" in note)


@pytest.fixture
def staging(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[EarlierStage]:
    monkeypatch.setattr("ops.deploy.commands.evaluate_checklist", lambda *_: PASSING_RESULTS)

    with open_command_line(put_earlier_stack) as (stage, run_line):
        yield EarlierStage(stage, run_line, capsys)


def test_a_commit_that_runs_quietly_on_staging_is_said_with_its_time(staging: EarlierStage) -> None:
    staging.put_staging(staging.update(30, OLD_COMMIT), staging.update(6, NEW_COMMIT))
    told = staging.read_notes()
    assert f"{SHORT} has run on staging for 5 h 5" in told
    assert "to now" in told
    assert "on staging while it ran: no alarms raised, no failed deployments, no rollbacks" in told
    assert "unknown" not in told


def test_alarms_failed_deployments_and_rollbacks_while_it_ran_are_counted(
    staging: EarlierStage,
) -> None:
    put_raised_alarm(staging.stage)
    staging.put_staging(
        staging.update(9, NEW_COMMIT, f"deploy-1 of {NEW_COMMIT}", result="failed"),
        staging.update(8.5, OLD_COMMIT, f"deploy-1-back of {OLD_COMMIT}"),
        staging.update(6, NEW_COMMIT, f"deploy-2 of {NEW_COMMIT}"),
    )
    told = staging.read_notes()
    short_alarm = ALARM.removeprefix("bulwark-").partition("-")[2]
    assert "1 alarm raised (" in told
    assert short_alarm in told
    assert "1 failed deployment, 1 rollback" in told


def test_what_happened_before_and_after_its_stay_is_not_its_own(staging: EarlierStage) -> None:
    put_raised_alarm(staging.stage)  # now
    staging.put_staging(staging.update(30, NEW_COMMIT), staging.update(6, OLD_COMMIT))
    told = staging.read_notes()
    assert f"{SHORT} ran on staging for 23 h 55 min, from " in told
    assert "it is no longer there" in told
    assert "no alarms raised" in told


@pytest.mark.parametrize(
    ("updates", "says"),
    [
        ([], f"{SHORT} has never run on staging"),
        ([{"commit": OLD_COMMIT}], f"{SHORT} has never run on staging"),
        (
            [{"commit": NEW_COMMIT, "result": "failed"}],
            f"{SHORT} has never run on staging; 1 deployment failed there",
        ),
        (
            [
                {
                    "commit": NEW_COMMIT,
                    "environment": {"git.head": NEW_COMMIT, "git.dirty": "true"},
                }
            ],
            "is unknown: it was deployed there with files changed",
        ),
        ([{"commit": OLD_COMMIT}] * 100, "is unknown: it is not among the newest 100 updates"),
        (
            [{"commit": NEW_COMMIT, "startTime": None, "endTime": None}],
            "is unknown: Pulumi's history has an update without its time",
        ),
    ],
)
def test_a_commit_that_did_not_run_there_is_not_called_well(
    staging: EarlierStage, updates: list[dict[str, Any]], says: str
) -> None:
    staging.put_staging(*(staging.update(6, **update) for update in updates))
    told = staging.read_notes()
    assert says in told
    assert "no alarms" not in told


def test_no_such_stack_is_unknown(staging: EarlierStage) -> None:
    del staging.pulumi.stacks["staging"]
    assert (
        f"whether {SHORT} ran on staging is unknown: Pulumi's backend has no stack staging"
        in staging.read_notes()
    )


def test_changed_files_are_no_commit(staging: EarlierStage) -> None:
    staging.put_staging(staging.update(6, NEW_COMMIT))
    staging.pulumi.git.dirty = True
    assert "is unknown: files are changed" in staging.read_notes()


def test_a_stack_in_another_account_is_unknown_but_its_history_is_not(
    staging: EarlierStage,
) -> None:
    one = staging.put_staging(
        staging.update(6, NEW_COMMIT), staging.update(3, NEW_COMMIT, result="failed")
    )
    outputs: Any = one.outputs
    outputs["stack"]["account"] = "999999999999"
    told = staging.read_notes()
    assert f"{SHORT} has run on staging for 5 h 5" in told
    assert "how it did on staging is unknown, except 1 failed deployment in Pulumi's" in told
    assert "the stack is in 999999999999" in told
    assert "pulumi config set aws:profile PROFILE --stack staging" in told
    assert "no alarms" not in told


def test_a_stack_without_outputs_is_unknown(staging: EarlierStage) -> None:
    staging.put_staging(staging.update(6, NEW_COMMIT)).outputs = None
    assert "how it did on staging is unknown: staging has no outputs" in staging.read_notes()


def test_a_denied_source_is_unknown_and_named(staging: EarlierStage) -> None:
    staging.put_staging(staging.update(6, NEW_COMMIT))
    list_items = Aws.list_items

    def refuse(aws: Aws, api: str, *args: Any, **options: Any) -> Any:
        if api == "cloudwatch.describe_alarm_history":
            raise RefusedError("cloudwatch.describe_alarm_history: AccessDenied: not authorized")
        return list_items(aws, api, *args, **options)

    with patch.object(Aws, "list_items", refuse):
        told = staging.read_notes()
    assert "while it ran: alarms unknown, no failed deployments, no rollbacks; alarms: " in told
    assert "cloudwatch.describe_alarm_history: AccessDenied" in told


def test_what_is_agreed_to_stays_the_same_while_it_runs_longer(staging: EarlierStage) -> None:
    """A digest of yesterday's dry run is still that of the same deployment."""
    staging.put_staging(staging.update(6, NEW_COMMIT))
    staging.capture.readouterr()
    digests, texts = set(), set()
    for _ in range(2):
        assert staging.run_line(LINE) == 0
        body = json.loads(staging.capture.readouterr().out)
        digests.add(body["hash"])
        texts.add(next(note for note in body["plan"]["notes"] if "has run on staging" in note))
        staging.stage.clock.sleep(3600)
    assert len(digests) == 1
    assert len(texts) == 2


def test_a_first_deployment_says_it_too(staging: EarlierStage) -> None:
    staging.put_staging(staging.update(6, NEW_COMMIT))
    one = staging.pulumi.stacks["test"]
    one.outputs, one.history, one.resources = None, [], 0
    assert f"{SHORT} has run on staging" in staging.read_notes()


def test_without_a_stack_before_nothing_is_said(staging: EarlierStage) -> None:
    staging.put_staging(staging.update(6, NEW_COMMIT))
    assert staging.read_notes(LINE.replace("--after staging ", "")) == ""


@pytest.mark.parametrize(
    ("stack", "typed", "expected"),
    [
        ("prod", None, "staging"),
        ("prod-eu", None, "staging-eu"),
        ("eu-prod", None, "eu-staging"),
        ("production", None, None),
        ("staging", None, None),
        ("staging", "dev", "dev"),
        ("prod", "qa", "qa"),
    ],
)
def test_the_stack_before_is_found_by_name_unless_it_is_named(
    stack: str, typed: str | None, expected: str | None
) -> None:
    assert find_earlier_stack(stack, typed) == expected


@pytest.mark.parametrize("typed", ["", "prod", "a stack", "--x;", "a/b"])
def test_what_is_no_other_stack_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="--after must be the name of a stack other than STACK"):
        find_earlier_stack("prod", None if typed is None else typed.replace("--x;", ";x"))


def test_a_stay_ends_with_the_next_update_of_another_commit_or_a_destruction() -> None:
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    updates = [
        build_update(now, 9, NEW_COMMIT),
        build_update(now, 8, NEW_COMMIT),  # the same again: one stay
        build_update(now, 7, OLD_COMMIT, kind="refresh"),
        build_update(now, 6, OLD_COMMIT, result="failed"),
        build_update(now, 5, NEW_COMMIT),
        build_update(now, 4, NEW_COMMIT, kind="destroy"),
    ]
    stays = parse_commit_history([*reversed(updates)], NEW_COMMIT).stays
    hours = [((now - stay.begin).seconds / 3600, stay.end and now - stay.end) for stay in stays]
    assert hours == [(9, timedelta(hours=6)), (5, timedelta(hours=4))]
