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

from ops.core.local_commands import Shell
from ops.preview import changes as preview
from ops.state.differences import compute_state_digest
from sandbox.aws import get_client
from tests.ops.pulumi_settings import build_config_listing
from tests.ops.stage import ACCOUNT, REGION, Stage

ShellAnswer = dict[str, JsonValue]
OPTIONS_WITH_VALUE = ("--stack", "--dest", "--file", "--message", "--page-size", "--policy-pack")


@dataclass
class FakeStack:
    """What Pulumi keeps of a stack."""

    config: dict[str, str] = field(default_factory=dict)
    resources: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, JsonValue]] = field(default_factory=list)
    outputs: dict[str, JsonValue] | None = None


@dataclass
class FakeGit:
    """A repository: its commit of now, those that it has, and checkouts of others in folders."""

    head: str = "b" * 40
    dirty: bool = False
    commits: set[str] = field(default_factory=lambda: {"a" * 40, "b" * 40})
    worktrees: dict[str, str] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)
    has_untracked_files: bool = False  # files that it does not know

    def get_commit(self, folder: str) -> str:
        """The commit that lies in a folder."""
        return next(
            (sha for worktree, sha in self.worktrees.items() if folder.startswith(worktree)),
            self.head,
        )

    def __call__(self, shell: Shell) -> ShellAnswer:
        words = shell.argv[1:]
        output: JsonValue = None
        code = 0
        if shell.argv[0] == "true":
            code = 0
        elif shell.argv[0] == "ln":
            self.links.add(words[-1])
        elif words[0] == "ls-files":
            code = int(not self.has_untracked_files)
        elif shell.argv[0] == "test":
            code = int(words[-1] not in self.links)
        elif words[0] == "log":
            output = {"sha": self.head}
        elif words[:2] == ("worktree", "add"):
            self.worktrees[words[-2]] = words[-1]
        elif words[0] == "cat-file":
            code = int(words[-1].partition("^")[0] not in self.commits)
        elif words[0] == "-C":
            code = int(self.worktrees.get(words[1]) != words[-1])
        else:
            assert words[:2] == ("diff", "--quiet")
            code = int(self.dirty)
        return {"exit": code, "output": output, "said": ""}


@dataclass
class FakePulumi:
    """One backend. `fails` is what a deployment says in the end, instead of that it has succeeded.

    `killed` deployments come as far as the database, and leave the lock behind.
    """

    stage: Stage
    stacks: dict[str, FakeStack] = field(default_factory=dict)
    failure_message: str = ""
    kills_left: int = 0
    locked: bool = False
    imports: list[str] = field(default_factory=list)  # digests
    up_count: int = 0
    preview_steps: dict[str, list[JsonValue]] = field(default_factory=dict)
    git: "FakeGit" = field(default_factory=lambda: FakeGit())
    broken_commits: set[str] = field(default_factory=set)  # commits that cannot be deployed
    unhealthy_commits: set[str] = field(
        default_factory=set
    )  # and those that are not well afterwards
    folder: str = ""  # the folder that it was called in
    policy_packs: list[str] = field(
        default_factory=list
    )  # that deployments and previews were held to

    def __call__(self, shell: Shell) -> JsonValue:
        self.folder = shell.folder or ""
        if shell.argv[0] in ("git", "ln", "test", "true"):
            return self.git(shell)
        if shell.argv[0] != "pulumi":
            return self._answer_ops_command(shell.argv)
        words, options = self._parse_arguments(shell.argv)
        stack = options.get("--stack", "")
        self.policy_packs += [options["--policy-pack"]] if "--policy-pack" in options else []
        for stack_name in (stack, options.get("--dest", "")):
            if stack_name and stack_name not in self.stacks:
                message = f"error: no stack named '{stack_name}' found"
                return {"exit": 6, "output": None, "said": message}
        is_single_word = words[0] in ("up", "preview") or words == ["config"]
        verb = getattr(self, "_".join(words[:1] if is_single_word else words[:2]))
        answer: ShellAnswer = verb(stack, words[2:], options)
        return {"exit": 0, "output": None, "said": "", **answer}

    @staticmethod
    def _parse_arguments(argv: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
        assert argv[0] == "pulumi"
        words, options, remaining = [], {}, list(argv[1:])
        while remaining:
            word = remaining.pop(0)
            if word in OPTIONS_WITH_VALUE:
                options[word] = remaining.pop(0)
            elif word.startswith("--"):
                options[word] = ""
            else:
                words.append(word)
        return words, options

    def stack_select(self, _: str, words: list[str], options: dict[str, str]) -> ShellAnswer:
        if words[0] not in self.stacks and "--create" not in options:
            return {"exit": 6, "said": f"error: no stack named '{words[0]}' found"}
        self.stacks.setdefault(words[0], FakeStack())
        return {}

    def stack_ls(self, *_: object) -> ShellAnswer:
        return {
            "output": [
                {"name": name, "current": False, "resourceCount": fake_stack.resources}
                for name, fake_stack in sorted(self.stacks.items())
            ]
        }

    def stack_import(self, stack: str, _: list[str], options: dict[str, str]) -> ShellAnswer:
        deployment_state = json.loads(Path(options["--file"]).read_text(encoding="utf-8"))
        self.stacks[stack].resources = len(deployment_state["deployment"]["resources"])
        self.stacks[stack].state = deployment_state
        self.imports.append(compute_state_digest(deployment_state))
        return {}

    def stack_history(self, stack: str, *_: object) -> ShellAnswer:
        return {"output": [*reversed(self.stacks[stack].history)]}

    def stack_export(self, stack: str, _: list[str], options: dict[str, str]) -> ShellAnswer:
        state = self.stacks[stack].state
        if "--file" in options:
            Path(options["--file"]).write_text(json.dumps(state), encoding="utf-8")
            return {}
        return {"output": state}

    def preview(self, stack: str, *_: object) -> ShellAnswer:
        return {"output": {"steps": self.preview_steps.get(stack, [])}}

    def _answer_ops_command(self, argv: tuple[str, ...]) -> ShellAnswer:
        """What a command of ops prints, in a process of its own."""
        words, stack = argv[1:5], dict(zip(argv[5::2], argv[6::2], strict=True)).get("--of", "")
        if words == ("-m", "ops", "state", "previewed"):
            preview_result = preview.parse_live({"steps": self.preview_steps.get(stack, [])}, stack)
            return {
                "exit": 0,
                "output": {"digest": preview_result.digest},
                "said": "",
            }
        if words == ("-m", "ops", "db", "size"):
            return {"exit": 0, "output": {"has_tables": True, "items": [{}]}, "said": ""}
        if words == ("-m", "ops", "check", "post-deploy"):
            items: list[JsonValue] = [
                {"item": "new errors", "state": "failing"},
                {"item": "targets", "state": "ok"},
            ]
            if self.last_deployed_commit in self.unhealthy_commits:
                items.append({"item": "new alarms", "state": "failing"})
            return {"exit": 3, "output": {"list": "post-deploy", "items": items}, "said": ""}
        return self._answer_digest(argv)

    @property
    def last_deployed_commit(self) -> str:
        """The commit of the newest deployment that succeeded."""
        deployments = [
            deployment
            for fake_stack in self.stacks.values()
            for deployment in reversed(fake_stack.history)
        ]
        deployment_record: Any = next(
            (deployment for deployment in deployments if deployment["result"] == "succeeded"), {}
        )
        return str((deployment_record.get("environment") or {}).get("git.head", ""))

    def _answer_digest(self, argv: tuple[str, ...]) -> ShellAnswer:
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
        return {"exit": 0, "output": {"digest": compute_state_digest(state)}, "said": ""}

    def stack_output(self, stack: str, *_: object) -> ShellAnswer:
        outputs = self.stacks[stack].outputs
        return {"exit": 0, "output": outputs if outputs is not None else {}}

    def config_cp(self, stack: str, _: list[str], options: dict[str, str]) -> ShellAnswer:
        self.stacks[options["--dest"]].config |= self.stacks[stack].config
        return {}

    def config_set(self, stack: str, words: list[str], _: dict[str, str]) -> ShellAnswer:
        self.stacks[stack].config[words[0]] = words[1]
        return {}

    def config(self, stack: str, *_: object) -> ShellAnswer:
        """All settings, as `pulumi config --json` prints them."""
        return {"output": build_config_listing(self.stacks[stack].config)}

    def config_rm(self, stack: str, words: list[str], _: dict[str, str]) -> ShellAnswer:
        config = self.stacks[stack].config
        for key in [k for k in config if k == words[0] or k.startswith(f"{words[0]}.")]:
            del config[key]
        return {}

    def up(self, stack: str, _: list[str], options: dict[str, str]) -> ShellAnswer:
        """The database of the stack, from the backup that its settings name; once."""
        self.up_count += 1
        if self.locked:
            return {"exit": 255, "said": "error: the stack is currently locked by 1 lock(s)."}
        fake_stack = self.stacks[stack]
        region = fake_stack.config.get("aws:region", REGION)
        sha = self.git.get_commit(self.folder)
        deployment_record: ShellAnswer = {
            "kind": "update",
            "message": options["--message"],
            "result": "failed",
            "environment": {"git.head": sha, "git.dirty": str(self.git.dirty).lower()},
        }
        identifier = f"bulwark-{stack}-database"
        if "the database" not in self.failure_message and fake_stack.outputs is None:
            self._create_database(
                get_client("rds", region), identifier, fake_stack.config
            )  # its own calls
        if self.kills_left:
            self.kills_left, self.locked = self.kills_left - 1, True
            return {"exit": -9}
        if self.failure_message or sha in self.broken_commits:
            fake_stack.history.append(deployment_record)
            return {
                "exit": 255,
                "said": f"error: {self.failure_message or 'this commit is broken'}",
            }
        fake_stack.history.append({**deployment_record, "result": "succeeded"})
        fake_stack.resources = max(fake_stack.resources, 300)
        fake_stack.state = build_stack_export(identifier)
        fake_stack.outputs = {
            "database": {"identifier": identifier},
            "stack": {"stack": stack, "region": region, "account": ACCOUNT},
        }
        return {}

    @staticmethod
    def _create_database(rds: Any, identifier: str, config: dict[str, str]) -> None:
        origin = {k.rpartition(".")[2]: v for k, v in config.items() if "restoreFrom" in k}
        backup_parameters = {
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
                    **{backup_parameters[key]: origin[key]},
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


def get_fake_pulumi(stage: Stage) -> FakePulumi:
    """The stage's, with the stack of its outputs."""
    pulumi: Any = stage.fakes.get("pulumi")
    if pulumi is None:
        fake_stack = FakeStack({"bulwark:profile": "prod", "aws:region": REGION})
        fake_stack.config["bulwark:recoveryRegion"] = "eu-west-1"
        fake_stack.state = build_stack_export("db-1")
        pulumi = stage.fakes["pulumi"] = FakePulumi(stage, {"test": fake_stack})
    assert isinstance(pulumi, FakePulumi)
    return pulumi


def build_stack_export(database: str, *other_urns: str) -> dict[str, Any]:
    """An export as Pulumi writes it: a database of this id, and other resources."""
    urns = ("pulumi:pulumi:Stack::bulwark-test", "aws:rds/instance:Instance::database", *other_urns)
    resources = [
        {"urn": f"urn:pulumi:test::bulwark::{urn}", "type": urn.split("::")[0], "id": database}
        for urn in urns
    ]
    return {"version": 3, "deployment": {"manifest": {}, "resources": resources}}
