"""Each option and argument of each command with a wrong value: one line, exit 2, nothing called.

Numbers and choices know themselves what they may be. What else can be wrong stands in WRONG; what
cannot be wrong, in FREE, each with the reason. A new option in neither of them fails here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Final, Literal, get_origin

import pytest
import typer

from ops.cli.app import COMMANDS, NOUNS
from ops.core.aws import reads
from tests.ops import db_stage, fleet_stage, service_stage
from tests.ops.call_recorder import recorded
from tests.ops.every_command import put_bucket, typing
from tests.ops.preview_files import PREVIEWS
from tests.ops.procedures import alarms
from tests.ops.procedures.recover_rebuild import FOLDER, put_program
from tests.ops.stage import Stage

# Of every command that has it, or of one: wrong values.
WRONG: Final[dict[str, tuple[str, ...]]] = {
    "--expect": ("nonsense", "0123456789abcde", "0123456789ABCDEF"),
    "--service": ("nonsense",),
    "--url": ("ftp://example.com", "example.com"),
    "--checkpoint": ("some", "50,20", "0,50", "50,", "101"),
    "--replica": ("nonsense",),
    "--via": ("nonsense",),
    "--only": ("nonsense",),
    "RUN": ("nonsense", "../lock"),
    "baseline capture --name": ("Non_sense", "a--b", "-a", "a" * 61, "../lock"),
    "baseline capture --to": ("/no/such/folder/kept.json", "/dev/null"),
    "baseline compare BASELINE": ("Non_sense", "nonsense", "/no/such/file.json"),
    "db parameters --set": ("nonsense", "=1"),
    "db reboot --instance": ("nonsense",),
    "db replica add NAME": ("Non_sense", "a--b"),
    "db replica add --class": ("large", "db.m7g.tiny"),
    "db replica remove NAME": ("nonsense",),
    "db upgrade VERSION": ("nonsense", "9.6"),
    "db resize CLASS": ("large", "db.m7g.tiny"),
    "db snapshot copy SNAPSHOT": ("nonsense",),
    "db snapshot export SNAPSHOT": ("nonsense",),
    "db snapshot export --tables": ("a.b.c.d", ",", "orders;drop"),
    "db snapshot prune --where": ("mars-north-1",),
    "service deploy IMAGE": ("nonsense!:x", "app", f"{service_stage.IMAGE}:no-such"),
    "service rollback --to": ("nine", "other:1", "99"),
    "service scale COUNT": ("many", "9999", "1.5"),
    "service exec --task": ("nonsense!", "0123456789abcdef0123456789abcdef"),
    "service exec --container": ("nonsense",),
    "alarms mute ALARM": ("nonsense",),
    "alarms mute --for": ("soon", "0"),
    "alarms mute --until": ("soon", "2001-01-01T00:00Z"),
    "alarms mute --key": ("nonsense",),
    "alarms mute --component": ("nonsense",),
    "alarms unmute RUN": ("nonsense",),
    "maintenance run --parameters": ("nonsense", "=1"),
    "maintenance run --patch": ("nonsense", "17", "16.10"),
    "maintenance run --vacuum": (",", "orders,,items"),
    "maintenance run --for": ("soon", "0", "1441"),
    "maintenance run --message": ("x" * 501,),
    "fleet deploy IMAGE": ("nonsense!:x", "app", f"{fleet_stage.IMAGE}:no-such"),
    "fleet refresh start --template-version": ("nine", "0", "$Latest", "99"),
    "fleet run --instance": ("nonsense", "i-0123456789abcdef0"),
    "fleet run --max-concurrency": ("many", "0", "101%"),
    "fleet run --max-errors": ("many", "-1", "101%"),
    "fleet scale COUNT": ("many", "9999", "1.5"),
    "bootstrap --repository": ("nonsense", "a/b/c", "-a/b"),
    "bootstrap --recovery-region": ("nonsense", "eu-north-1"),
    "bootstrap --environments": ("Prod", ",", "deploy", "prod,prod-eu"),
    "permissions COMMAND": ("nonsense",),
    "permissions --policy": ("nonsense!",),
    "cost estimate FILE": ("/no/such/file", str(PREVIEWS / "damaged.json")),
    "github comment FILE": ("/no/such/file", "/dev/null"),
    "github issue SUBJECT": ("a-->b", "a<b", "x" * 101),
    "github issue FILE": ("/no/such/file",),
    "outputs show PATH": ("nonsense", "registry..repositories", "stack."),
    "preview-report FILE": ("/no/such/file", str(PREVIEWS / "damaged.json")),
    "preview-report --to": ("/no/such/folder/comment.md",),
    "recover point-in-time --to": ("yesterday", "2001-01-01T00:00:00Z", "2099-01-01T00:00:00Z"),
    "--name": ("Non_sense", "a--b"),
    "recover snapshot SNAPSHOT": ("nonsense",),
    "state fetch STATE": ("nonsense",),
    "state fetch --to": ("/etc/hostname", "/no/such/folder/state.json"),
    "state restore STATE": ("nonsense",),
    "state digest --file": ("/no/such/file",),
    "deploy --report": ("/no/such/folder/report.md",),
    "recover rebuild --from": ("nonsense",),
    "recover rebuild --state": ("/no/such/file",),
    "recover region --from": ("nonsense",),
    "recover region --certificate": ("nonsense", "arn:aws:acm:eu-west-1:1:certificate/x"),
    "recover region --as": ("test", "Test-1", "much-too-long-a-name-for-a-stack"),
    "--program": ("/no/such/folder",),
    "recover drill --to": ("/no/such/folder/drill.html",),
    "recover drills --to": ("/no/such/folder/drill.html",),
    "--heartbeat": ("nonsense", "a.b.c.d", "t.c;drop"),
    "--restored-via": ("nonsense",),
    "recover promote RESTORED": ("bulwark-test-database",),
    "recover discard NAME": ("bulwark-test-database",),
    "recover replica promote NAME": ("bulwark-test-database",),
    "recover reconcile --state": ("/no/such/file",),
    "recover reconcile --to": ("/etc/hostname",),
    "recover reconcile --preview": ("/no/such/file",),
    "runs report --to": ("/no/such/folder/report.html",),
}
FREE: Final = {
    "--reason": "a person's words",
    "db kill-idle --application": "any name that a client gave itself; there may be none such",
    "db kill-idle --user": "any name; there may be no session of it",
    "db vacuum TABLE": "PostgreSQL judges: test_sql.py",
    "recover compare SOURCE": "any instance; that one is not there is an error of the look",
    "recover compare RESTORED": "any instance; that one is not there is an error of the look",
    "recover point-in-time --class": "RDS judges: what a source can be restored as",
    "state digest --of": "for ops itself: whatever Pulumi knows",
    "state previewed --of": "for ops itself: whatever Pulumi knows",
    "deploy STACK": "Pulumi judges which stacks there are: test_deploying.py",
    "deploy --url": "whether anything answers there is seen in the end",
    "deploy --despite": "a person's words",
    "recover region --domain": "any name; Route 53 judges",
    "recover drill --class": "RDS judges: what a source can be restored as",
    "recover snapshot --class": "RDS judges: what a snapshot can be restored as",
    "fleet run COMMAND": "any command of the instances; that it is none is in test_fleet_run.py",
    "runs note TEXT": "a person's words",
    "service exec --command": "any command of the container's own",
    "sandbox COMMAND": "any command of the machine; one that is not there ends with 127",
}
# Reads that are needed to tell: a value that only AWS can judge.
JUDGED: Final[dict[str, str]] = {
    "RUN": "whether there is such a run stands in the bucket",
    "runs report --to": "the run is read first",
    "recover point-in-time --to": "between which times a restore is possible",
    "--name": "what it is restored from is looked at first",
    "recover snapshot SNAPSHOT": "which snapshots there are",
    "recover promote RESTORED": "what it is",
    "recover discard NAME": "what it is",
    "state fetch STATE": "which states were saved",
    "state restore STATE": "which states were saved",
    "recover rebuild --from": "which backups there are",
    "recover region --from": "which backups there are",
    "recover replica promote NAME": "what it is",
    "baseline compare BASELINE": "which baselines there are",
    "db replica add --class": "what a version can be ordered as",
    "db replica remove NAME": "which replicas there are",
    "db upgrade VERSION": "which versions there are",
    "db resize CLASS": "what a version can be ordered as",
    "db snapshot copy SNAPSHOT": "which snapshots there are",
    "db snapshot export SNAPSHOT": "which snapshots there are",
    "service deploy IMAGE": "which images there are",
    "service rollback --to": "which revisions there are",
    "service exec --task": "which tasks there are",
    "service exec --container": "which containers the task has",
    "fleet deploy IMAGE": "which images there are",
    "fleet refresh start --template-version": "which versions there are",
    "fleet run --instance": "which instances there are",
    "alarms mute ALARM": "which alarms there are",
    "alarms mute --key": "which alarms there are",
    "alarms mute --component": "which alarms there are",
    "alarms unmute RUN": "which mutes there are",
    "maintenance run --patch": "which versions there are",
}
# What must be given for the command to get as far as the value in question.
GIVEN: Final = {
    "bootstrap": {"--repository": "owner/fork", "--region": "eu-north-1"},
    "db resize": {"CLASS": "db.m7g.large"},
    "db storage": {"GIB": "40"},
    "service deploy": {"IMAGE": f"{service_stage.IMAGE}:v2"},
    "service scale": {"COUNT": "3"},
    "fleet deploy": {"IMAGE": f"{fleet_stage.IMAGE}:v2"},
    "fleet limits": {"--max": "9"},
    "fleet run": {"COMMAND": "uptime"},
    "fleet scale": {"COUNT": "3"},
    "runs show": {"RUN": "{run}"},
    "runs resume": {"RUN": "{run}"},
    "runs undo": {"RUN": "{run}"},
    "runs report": {"RUN": "{run}"},
    "runs note": {"RUN": "{run}", "TEXT": "seen"},
    "lock break": {"--reason": "test"},
    "alarms mute": {"--reason": "test", "--for": "60", "--severity": "P2"},
    "db kill": {"PID": "4242"},
    "db replica add": {"NAME": "reader"},
    "db replica remove": {"NAME": "reader"},
    "db vacuum": {"TABLE": "public.orders"},
    "state digest": {"--of": "test"},
    "state previewed": {"--of": "test"},
    "deploy": {"STACK": "test"},
    "state fetch": {"--to": "/tmp/bulwark-no-such-state.json"},
    "state restore": {"--program": str(FOLDER)},
    "recover point-in-time": {"--to": "latest"},
    "recover snapshot": {"SNAPSHOT": "{snapshot}"},
    "recover compare": {"SOURCE": "bulwark-test-database", "RESTORED": "bulwark-test-database"},
    "github comment": {"FILE": str(PREVIEWS / "empty.json"), "--pull-request": "7"},
    "github issue": {
        "SUBJECT": "test",
        "FILE": str(PREVIEWS / "empty.json"),
        "--state": "failing",
    },
    "preview-report": {"FILE": str(PREVIEWS / "empty.json")},
    "recover reconcile": {},
    "maintenance run": {"--vacuum": "public.orders"},
    "service autoscaling": {"--max": "9"},
}


@dataclass(frozen=True)
class Param:
    """One option or argument of a command. `name` is how it is called on the line."""

    command: str
    name: str
    kind: Any
    least: float | None
    most: float | None

    @property
    def key(self) -> str | None:
        """Its own entry in the tables, or that of all of its name."""
        own = f"{self.command} {self.name}"
        return next((k for k in (own, self.name) if k in WRONG or k in FREE), None)

    def wrong(self) -> tuple[str, ...]:
        """Values that it cannot have."""
        if self.key in WRONG:
            return WRONG[self.key]
        if get_origin(self.kind) is Literal:
            return ("nonsense",)
        if self.kind in (int, float):
            less = () if self.least is None else (f"{self.least - 1:g}",)
            more = () if self.most is None else (f"{self.most + 1:.0f}",)
            return ("soon", *less, *more)
        return ()


@cache
def commands() -> tuple[tuple[str, Any], ...]:
    """Every command of every noun, as typer has it."""

    def below(path: str, command: Any) -> Iterator[tuple[str, Any]]:
        if not hasattr(command, "commands"):
            yield path, command
            return
        for name, one in command.commands.items():
            yield from below(f"{path} {name}", one)

    found: list[tuple[str, Any]] = []
    for name, (module, _) in (COMMANDS | NOUNS).items():
        app = import_module(module).app
        made = typer.main.get_group if name in NOUNS else typer.main.get_command
        found += below(name, made(app))
    return tuple(found)


@cache
def params() -> tuple[Param, ...]:
    """Every option and argument that takes a value."""
    found = []
    for command, made in commands():
        for param in made.params:
            option = param.param_type_name == "option"
            if (option and param.is_flag) or param.name == "help":
                continue
            kind = param.type_descriptor.annotation
            name = max(param.opts, key=len) if option else bare(param)
            found.append(Param(command, name, kind, param.min, param.max))
    return tuple(found)


def bare(param: Any) -> str:
    """An argument's name as messages have it."""
    return str(param.metavar or param.name).strip("[].").replace("-- ", "").rstrip(".]").upper()


CASES: Final = [(param, value) for param in params() for value in param.wrong()]


@pytest.mark.parametrize("param", params(), ids=lambda p: f"{p.command} {p.name}")
def test_each_option_has_a_wrong_value_or_a_reason_why_not(param: Param) -> None:
    line = f'"{param.command} {param.name}": ("...",),'
    assert param.wrong() or param.key in FREE, f"add to WRONG, or with its reason to FREE: {line}"


@pytest.fixture(scope="module")
def stack() -> Iterator[tuple[Stage, dict[str, str], Any]]:
    """One stack for all lines, since none of them may change it; with a run to speak of."""

    def build(on: Stage) -> None:
        db_stage.put(on, BackupRetentionPeriod=7)
        service_stage.put(on, ("backend", "frontend"))
        service_stage.put_scaling(on)
        fleet_stage.put(on)
        alarms.put(on)
        put_program()
        put_bucket(on)

    with typing(build) as (on, typed):
        assert typed("db snapshot create --yes") == 0
        keys = on.client("s3").list_objects_v2(Bucket=on.outputs.backups.operations_bucket)
        run = keys["Contents"][0]["Key"].split("/")[1]
        yield on, {"run": run, "snapshot": f"bulwark-test-database-{run}"}, typed


@pytest.mark.parametrize(
    ("param", "value"), CASES, ids=[f"{p.command} {p.name} {v}" for p, v in CASES]
)
def test_a_wrong_value_is_one_line_and_nothing_is_called(
    param: Param, value: str, stack: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    _, words, typed = stack
    line = typed_line(param, value).format(**words)
    capsys.readouterr()
    with recorded() as calls:
        code = typed(line)
    first, *advice = capsys.readouterr().err.splitlines()
    assert code == 2, first
    assert first.startswith("ops: ")
    assert param.name in first
    assert all(more.startswith("  ") for more in advice), advice
    asked = [call.api for call in calls]
    assert [api for api in asked if not reads(api)] == []
    if param.key not in JUDGED:
        assert asked == []


def typed_line(param: Param, value: str) -> str:
    """The command with this value, and with what it needs besides."""
    options = {p.name for p in params() if p.command == param.command}
    needed = dict(GIVEN.get(param.command, {}))
    if "--service" in options and param.command.startswith("service"):
        needed.setdefault("--service", "backend")
    needed[param.name] = value
    rest = [v for k, v in needed.items() if not k.startswith("-")]
    given = [f"{k}={v}" for k, v in needed.items() if k.startswith("-")]
    made = dict(commands())[param.command]
    yes = ["--yes"] if any("--yes" in p.opts for p in made.params) else []
    return " ".join([param.command, *given, *yes, *rest])
