"""A pretended Pulumi: stacks with settings, and a deployment that makes the database they describe.

It answers as Pulumi's CLI does, as far as operations ask it: exit codes, and JSON where it is asked
for. What stands behind it is the stage's own AWS.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from pydantic import JsonValue

from ops.core.plan import Shell
from ops.preview import changes as preview
from ops.state import backup as states
from sandbox.aws import get_client
from tests.ops.stage import ACCOUNT, REGION, Stage

Answer = dict[str, JsonValue]
VALUES = ("--stack", "--dest", "--file", "--message", "--page-size", "--policy-pack")


@dataclass
class Stack:
    """What Pulumi keeps of a stack."""

    config: dict[str, str] = field(default_factory=dict)
    resources: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, JsonValue]] = field(default_factory=list)
    outputs: dict[str, JsonValue] | None = None


@dataclass
class Git:
    """A repository: its commit of now, those that it has, and checkouts of others in folders."""

    head: str = "b" * 40
    dirty: bool = False
    commits: set[str] = field(default_factory=lambda: {"a" * 40, "b" * 40})
    trees: dict[str, str] = field(default_factory=dict)
    linked: set[str] = field(default_factory=set)
    new: bool = False  # files that it does not know

    def of(self, folder: str) -> str:
        """The commit that lies in a folder."""
        return next((sha for tree, sha in self.trees.items() if folder.startswith(tree)), self.head)

    def __call__(self, shell: Shell) -> Answer:
        words = shell.argv[1:]
        output: JsonValue = None
        code = 0
        if shell.argv[0] == "ln":
            self.linked.add(words[-1])
        elif words[0] == "ls-files":
            code = int(not self.new)
        elif shell.argv[0] == "test":
            code = int(words[-1] not in self.linked)
        elif words[0] == "log":
            output = {"sha": self.head}
        elif words[:2] == ("worktree", "add"):
            self.trees[words[-2]] = words[-1]
        elif words[0] == "cat-file":
            code = int(words[-1].partition("^")[0] not in self.commits)
        elif words[0] == "-C":
            code = int(self.trees.get(words[1]) != words[-1])
        else:
            assert words[:2] == ("diff", "--quiet")
            code = int(self.dirty)
        return {"exit": code, "output": output, "said": ""}


@dataclass
class Pulumi:
    """One backend. `fails` is what a deployment says in the end, instead of that it has succeeded.

    `killed` deployments come as far as the database, and leave the lock behind.
    """

    stage: Stage
    stacks: dict[str, Stack] = field(default_factory=dict)
    fails: str = ""
    killed: int = 0
    locked: bool = False
    imports: list[str] = field(default_factory=list)  # digests
    ups: int = 0
    previewed: dict[str, list[JsonValue]] = field(default_factory=dict)
    git: "Git" = field(default_factory=lambda: Git())
    broken: set[str] = field(default_factory=set)  # commits that cannot be deployed
    sick: set[str] = field(default_factory=set)  # and those that are not well afterwards
    at: str = ""  # the folder that it was called in
    packs: list[str] = field(default_factory=list)  # that deployments and previews were held to

    def __call__(self, shell: Shell) -> JsonValue:
        self.at = shell.folder or ""
        if shell.argv[0] in ("git", "ln", "test"):
            return self.git(shell)
        if shell.argv[0] != "pulumi":
            return self._ours(shell.argv)
        words, options = self._parsed(shell.argv)
        stack = options.get("--stack", "")
        self.packs += [options["--policy-pack"]] if "--policy-pack" in options else []
        for named in (stack, options.get("--dest", "")):
            if named and named not in self.stacks:
                said = f"error: no stack named '{named}' found"
                return {"exit": 255, "output": None, "said": said}
        alone = words[0] in ("up", "preview")
        verb = getattr(self, "_".join(words[:1] if alone else words[:2]))
        found: Answer = verb(stack, words[2:], options)
        return {"exit": 0, "output": None, "said": "", **found}

    @staticmethod
    def _parsed(argv: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
        assert argv[0] == "pulumi"
        words, options, left = [], {}, list(argv[1:])
        while left:
            word = left.pop(0)
            if word in VALUES:
                options[word] = left.pop(0)
            elif word.startswith("--"):
                options[word] = ""
            else:
                words.append(word)
        return words, options

    def stack_select(self, _: str, words: list[str], options: dict[str, str]) -> Answer:
        if words[0] not in self.stacks and "--create" not in options:
            return {"exit": 255, "said": f"error: no stack named '{words[0]}' found"}
        self.stacks.setdefault(words[0], Stack())
        return {}

    def stack_ls(self, *_: object) -> Answer:
        return {
            "output": [
                {"name": name, "current": False, "resourceCount": one.resources}
                for name, one in sorted(self.stacks.items())
            ]
        }

    def stack_import(self, stack: str, _: list[str], options: dict[str, str]) -> Answer:
        found = json.loads(Path(options["--file"]).read_text(encoding="utf-8"))
        self.stacks[stack].resources = len(found["deployment"]["resources"])
        self.stacks[stack].state = found
        self.imports.append(states.compute_state_digest(found))
        return {}

    def stack_history(self, stack: str, *_: object) -> Answer:
        return {"output": [*reversed(self.stacks[stack].history)]}

    def stack_export(self, stack: str, _: list[str], options: dict[str, str]) -> Answer:
        state = self.stacks[stack].state
        if "--file" in options:
            Path(options["--file"]).write_text(json.dumps(state), encoding="utf-8")
            return {}
        return {"output": state}

    def preview(self, stack: str, *_: object) -> Answer:
        return {"output": {"steps": self.previewed.get(stack, [])}}

    def _ours(self, argv: tuple[str, ...]) -> Answer:
        """What a command of ops prints, in a process of its own."""
        words, stack = argv[1:5], dict(zip(argv[5::2], argv[6::2], strict=True)).get("--of", "")
        if words == ("-m", "ops", "state", "previewed"):
            found = preview.parse_live({"steps": self.previewed.get(stack, [])}, stack)
            return {
                "exit": 0,
                "output": {"digest": preview.compute_preview_digest(found)},
                "said": "",
            }
        if words == ("-m", "ops", "check", "post-deploy"):
            items: list[JsonValue] = [
                {"item": "new errors", "state": "failing"},
                {"item": "targets", "state": "ok"},
            ]
            if self.last in self.sick:
                items.append({"item": "new alarms", "state": "failing"})
            return {"exit": 3, "output": {"list": "post-deploy", "items": items}, "said": ""}
        return self._digest(argv)

    @property
    def last(self) -> str:
        """The commit of the newest deployment that succeeded."""
        listed = [h for one in self.stacks.values() for h in reversed(one.history)]
        found: Any = next((h for h in listed if h["result"] == "succeeded"), {})
        return str((found.get("environment") or {}).get("git.head", ""))

    def _digest(self, argv: tuple[str, ...]) -> Answer:
        """What `ops state digest` prints, in a process of its own."""
        assert argv[1:5] == ("-m", "ops", "state", "digest")
        options = dict(zip(argv[5::2], argv[6::2], strict=True))
        try:
            state = (
                self.stacks[options["--of"]].state
                if "--of" in options
                else json.loads(Path(options["--file"]).read_text(encoding="utf-8"))
            )
        except FileNotFoundError:
            return {"exit": 2, "output": None, "said": ""}
        except KeyError:
            return {"exit": 1, "output": None, "said": "ops: pulumi stack export failed"}
        return {"exit": 0, "output": {"digest": states.compute_state_digest(state)}, "said": ""}

    def stack_output(self, stack: str, *_: object) -> Answer:
        outputs = self.stacks[stack].outputs
        return {"exit": 0, "output": outputs if outputs is not None else {}}

    def config_cp(self, stack: str, _: list[str], options: dict[str, str]) -> Answer:
        self.stacks[options["--dest"]].config |= self.stacks[stack].config
        return {}

    def config_set(self, stack: str, words: list[str], _: dict[str, str]) -> Answer:
        self.stacks[stack].config[words[0]] = words[1]
        return {}

    def config_get(self, stack: str, words: list[str], _: dict[str, str]) -> Answer:
        config = self.stacks[stack].config
        below = {k: v for k, v in config.items() if k.startswith(f"{words[0]}.")}
        if words[0] in config:
            return {"output": {"value": config[words[0]], "secret": False}}
        if below:
            return {"output": {"objectValue": dict(below), "secret": False}}
        return {"exit": 255, "said": f"error: configuration key '{words[0]}' not found"}

    def config_rm(self, stack: str, words: list[str], _: dict[str, str]) -> Answer:
        config = self.stacks[stack].config
        for key in [k for k in config if k == words[0] or k.startswith(f"{words[0]}.")]:
            del config[key]
        return {}

    def up(self, stack: str, _: list[str], options: dict[str, str]) -> Answer:
        """The database of the stack, from the backup that its settings name; once."""
        self.ups += 1
        if self.locked:
            return {"exit": 255, "said": "error: the stack is currently locked by 1 lock(s)."}
        one = self.stacks[stack]
        where = one.config.get("aws:region", REGION)
        sha = self.git.of(self.at)
        ended: Answer = {
            "kind": "update",
            "message": options["--message"],
            "result": "failed",
            "environment": {"git.head": sha, "git.dirty": str(self.git.dirty).lower()},
        }
        identifier = f"bulwark-{stack}-database"
        if "the database" not in self.fails and one.outputs is None:
            self._made(get_client("rds", where), identifier, one.config)  # its own calls
        if self.killed:
            self.killed, self.locked = self.killed - 1, True
            return {"exit": -9}
        if self.fails or sha in self.broken:
            one.history.append(ended)
            return {"exit": 255, "said": f"error: {self.fails or 'this commit is broken'}"}
        one.history.append({**ended, "result": "succeeded"})
        one.resources = max(one.resources, 300)
        one.state = state(identifier)
        one.outputs = {
            "database": {"identifier": identifier},
            "stack": {"stack": stack, "region": where, "account": ACCOUNT},
        }
        return {}

    @staticmethod
    def _made(rds: Any, identifier: str, config: dict[str, str]) -> None:
        origin = {k.rpartition(".")[2]: v for k, v in config.items() if "restoreFrom" in k}
        given = {
            "automatedBackupArn": "SourceDBInstanceAutomatedBackupsArn",
            "resourceId": "SourceDbiResourceId",
        }
        try:
            if "snapshot" in origin:
                rds.restore_db_instance_from_db_snapshot(
                    DBInstanceIdentifier=identifier, DBSnapshotIdentifier=origin["snapshot"]
                )
            elif origin:
                (key,) = origin
                rds.restore_db_instance_to_point_in_time(
                    TargetDBInstanceIdentifier=identifier,
                    UseLatestRestorableTime=True,
                    **{given[key]: origin[key]},
                )
            else:
                rds.create_db_instance(
                    DBInstanceIdentifier=identifier,
                    DBInstanceClass="db.t4g.small",
                    Engine="postgres",
                    AllocatedStorage=20,
                    MasterUsername="a",
                    MasterUserPassword="a-password-of-the-test",
                )
        except ClientError as error:
            if error.response["Error"]["Code"] != "DBInstanceAlreadyExists":
                raise


def of(stage: Stage) -> Pulumi:
    """The stage's, with the stack of its outputs."""
    found: Any = stage.beside.get("pulumi")
    if found is None:
        own = Stack({"bulwark:profile": "prod", "aws:region": REGION})
        own.config["bulwark:recoveryRegion"] = "eu-west-1"
        own.state = state("db-1")
        found = stage.beside["pulumi"] = Pulumi(stage, {"test": own})
    assert isinstance(found, Pulumi)
    return found


def state(database: str, *more: str) -> dict[str, Any]:
    """An export as Pulumi writes it: a database of this id, and other resources."""
    urns = ("pulumi:pulumi:Stack::bulwark-test", "aws:rds/instance:Instance::database", *more)
    listed = [
        {"urn": f"urn:pulumi:test::bulwark::{urn}", "type": urn.split("::")[0], "id": database}
        for urn in urns
    ]
    return {"version": 3, "deployment": {"manifest": {}, "resources": listed}}
