"""Commands of this machine as actions of a plan."""

from typing import Literal

from ops.core.frozen_model import FrozenModel


class OpsCommand(FrozenModel):
    """A command of ops that changes nothing, in a process of its own; its JSON output is seen.

    `arguments` are what is typed after `ops`. With `on_stack` the process also gets the AWS profile
    of whoever runs the plan. Placeholders as in ProgramCommand.
    """

    kind: Literal["ops"] = "ops"
    arguments: tuple[str, ...]
    on_stack: bool = False
    repeatable: Literal[True] = True


class SavedFile(FrozenModel):
    """An object of S3."""

    bucket: str
    key: str
    region: str


class ProgramCommand(FrozenModel):
    """Pulumi or git in the folder of the stack's program, or gh; exit code and JSON are seen.

    No argument holds a path of this machine: `${PROGRAM}` stands for the program's folder,
    `${FILES}` for the folder of what runs export, `${CHECKOUT}` for a copy of the program at an
    earlier commit. `checkout` names that copy if the command runs in it. `files` are the files that
    must be there, each with the object that it can be fetched from on another machine. The tool
    "packages" links the program's packages into the checkout, or checks that they are linked.

    With `strict` an exit code other than 0 fails the step, and output is shown while it runs.
    """

    kind: Literal["program"] = "program"
    tool: Literal["pulumi", "git", "packages", "gh"]
    arguments: tuple[str, ...]
    checkout: str | None = None
    files: dict[str, SavedFile | None] = {}
    strict: bool = False
    repeatable: bool = True
