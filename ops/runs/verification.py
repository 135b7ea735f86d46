"""Whether a run's plan is one that this program would carry out on this stack.

A run is an object in a bucket, so a resume does not trust it. Its plan must be of this stack, and
hold only actions that its command can have: the AWS calls that the command declares, and a closed
list of local commands. The journal's lines are chained (ops/core/journal.py), and the bucket policy
lets nobody overwrite one (components/operations.py): the plan is the one that was agreed to.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from ops.core.continuation import Continuation
from ops.core.errors import UsageError
from ops.core.local_commands import CHECKOUT_PLACEHOLDER, FILES_PLACEHOLDER, PROGRAM_PLACEHOLDER
from ops.core.plan import AccessKeys, Action, Call, ContainerTask, OpsCommand, Plan, ProgramCommand
from ops.core.run_context import RunContext, StackContext
from ops.keys.users import get_key_secret_name
from ops.outputs import Outputs
from ops.permissions.declared import DECLARATIONS
from ops.stack.pulumi import POLICY_PACK_FOLDER

# Commands whose plans run Pulumi, git or ops on the machine of whoever carries them out.
LOCAL_COMMAND_KINDS: Final = frozenset(
    {"deploy", "state backup", "state restore", "recover rebuild", "recover region"}
)
# Commands of ops that a plan may read with. None changes anything.
READING_COMMANDS: Final = frozenset(
    {
        ("check", "post-deploy"),
        ("db", "size"),
        ("state", "digest"),
        ("state", "previewed"),
    }
)
PULUMI_COMMANDS: Final = frozenset(
    {
        ("config",),
        ("config", "cp"),
        ("config", "rm"),
        ("config", "set"),
        ("stack", "export"),
        ("stack", "history"),
        ("stack", "import"),
        ("stack", "output"),
        ("stack", "select"),
        ("up",),
    }
)
PULUMI_OPTIONS: Final = frozenset(
    {
        "--create",
        "--dest",
        "--file",
        "--json",
        "--message",
        "--non-interactive",
        "--page-size",
        "--path",
        "--policy-pack",
        "--refresh",
        "--skip-preview",
        "--stack",
        "--yes",
    }
)
# Kinds that are recorded on this machine alone, in a folder of whoever runs them.
ACCOUNT_KINDS: Final = frozenset({"bootstrap"})
# Nouns that write records and change nothing of the stack, so that no lock keeps them waiting.
RECORD_NOUNS: Final = frozenset({"audit", "incident"})


def require_trusted_plan(plan: Plan, context: RunContext) -> None:
    """Raises UsageError, which says why, unless the plan is one of this stack and its command."""
    if not isinstance(context, StackContext):
        return  # recorded in a folder of this machine: see ACCOUNT_KINDS
    problem = next(_list_problems(plan, context.outputs), None)
    if problem is not None:
        raise UsageError(
            f"RUN must be a run of this stack, not {plan.run!r}: {problem}; nothing was done",
            f"ops runs show {plan.run}",
        )


def _list_problems(plan: Plan, outputs: Outputs) -> Iterator[str]:
    stack = outputs.stack
    regions = (stack.region, stack.recovery_region)
    if plan.account != stack.account:
        yield f"its plan is for account {plan.account!r}, the stack is in {stack.account!r}"
    if plan.stack != stack.stack:
        yield f"its plan is for the stack {plan.stack!r}, this is {stack.stack!r}"
    if plan.region not in regions:
        yield f"its plan is for {plan.region!r}, the stack is in {stack.region!r}"
    if plan.kind in ACCOUNT_KINDS:
        yield f"runs of `ops {plan.kind}` are recorded on the machine that carries them out"
    if plan.only_records and plan.kind.split()[0] not in RECORD_NOUNS:
        yield f"`ops {plan.kind}` changes the stack, which it must hold the lock for"
    declared_calls = list_declared_calls(plan.kind)
    known_arns = outputs.model_dump_json()  # every ARN of the contract, in quotes
    for action in plan.actions():
        if (
            problem := _describe_problem(plan, action, declared_calls, known_arns, regions, outputs)
        ) is not None:
            yield problem


def list_declared_calls(kind: str) -> frozenset[str]:
    """The AWS calls that a command declares, with all its options."""
    return frozenset(
        call
        for command, declaration in DECLARATIONS.items()
        if command == kind or command.startswith(f"{kind} --")
        for call in declaration.calls
    )


def _describe_problem(
    plan: Plan,
    action: Action,
    declared_calls: frozenset[str],
    known_arns: str,
    regions: Sequence[str | None],
    outputs: Outputs,
) -> str | None:
    match action:
        case Call():
            return _describe_call_problem(plan, action, declared_calls, known_arns, regions)
        case AccessKeys():
            return _describe_keys_problem(plan, action, declared_calls, outputs)
        case ContainerTask():
            return _describe_task_problem(plan, action, declared_calls, outputs)
        case OpsCommand() | ProgramCommand():
            if plan.kind not in LOCAL_COMMAND_KINDS:
                return f"`ops {plan.kind}` runs no commands on this machine"
            is_allowed = (
                is_reading_command(action)
                if isinstance(action, OpsCommand)
                else is_program_command(action)
            )
            return None if is_allowed else f"`{' '.join(action.arguments)}` is no command of ours"
    return None


def _describe_call_problem(
    plan: Plan,
    call: Call,
    declared_calls: frozenset[str],
    known_arns: str,
    regions: Sequence[str | None],
) -> str | None:
    if call.api not in declared_calls:
        return f"`ops {plan.kind}` never calls {call.api}"
    if call.region not in (None, *regions):
        return f"{call.api} is for {call.region!r}, where this stack is not"
    secrets = (*call.secrets.values(), *(rewrite.secret for rewrite in call.rewrites.values()))
    for secret in secrets:
        if f'"{secret.partition("#")[0]}"' not in known_arns:
            return f"{call.api} takes a secret that is not the stack's"
    for file in call.files.values():
        if not is_run_file(file):
            return f"{call.api} reads the file {file!r}, which no run of ours exports"
    return None


def _describe_keys_problem(
    plan: Plan, action: AccessKeys, declared_calls: frozenset[str], outputs: Outputs
) -> str | None:
    """The user must be tagged for the stack as well, which the roles' policies check."""
    if not declared_calls.issuperset(action.calls):
        return f"`ops {plan.kind}` never changes access keys"
    secret = get_key_secret_name(outputs, action.user)
    return None if action.secret == secret else f"{action.secret} is not the secret of a key"


def _describe_task_problem(
    plan: Plan, action: ContainerTask, declared_calls: frozenset[str], outputs: Outputs
) -> str | None:
    """A task is one of a service of the stack, and found by no other run's name."""
    if not declared_calls.issuperset(action.calls):
        return f"`ops {plan.kind}` never runs a task"
    services = outputs.services
    if services is None or action.cluster != services.cluster:
        return f"{action.cluster} is not the stack's cluster"
    if action.family not in {part.family for part in services.services.values()}:
        return f"{action.family} is no service of the stack"
    if action.run != plan.run:
        return f"its task is of the run {action.run!r}"
    return None


def is_run_file(path: str) -> bool:
    """True if a path of a plan is a file that runs export."""
    name = path.removeprefix(f"{FILES_PLACEHOLDER}/")
    return name != path and "/" not in name and name not in ("", ".", "..")


def is_reading_command(command: OpsCommand) -> bool:
    """True if it is one of ours that changes nothing, with no path of its own."""
    words = command.arguments
    paths = [value for option, value in pairwise(words) if option in ("--file", "--program")]
    return words[:2] in READING_COMMANDS and all(
        path == PROGRAM_PLACEHOLDER or is_run_file(path) for path in paths
    )


def is_program_command(command: ProgramCommand) -> bool:
    """True if it is a command of Pulumi, git or the packages' link that a plan of ours has."""
    words = command.arguments
    if not all(is_run_file(path) for path in command.files):
        return False
    if command.checkout is not None and "/" in command.checkout:
        return False
    match command.tool:
        case "packages":
            return words in (("link",), ("check",))
        case "git":
            return _is_git_command(words)
        case "pulumi":
            return _is_pulumi_command(words)
        case "gh":  # of `ops bootstrap` alone, which is recorded on its own machine
            return False


def _is_git_command(words: Sequence[str]) -> bool:
    *fixed, sha = words
    if not sha.isalnum():
        return False
    return tuple(fixed) in (
        ("worktree", "add", "--force", "--detach", CHECKOUT_PLACEHOLDER),
        ("-C", CHECKOUT_PLACEHOLDER, "diff", "--quiet"),
    )


def _is_pulumi_command(words: Sequence[str]) -> bool:
    verbs = tuple(words[:1]) if tuple(words[:1]) in {("up",)} else tuple(words[:2])
    if words[0] == "config" and words[1].startswith("--"):
        verbs = ("config",)
    options = {word for word in words if word.startswith("-")}
    values = dict(pairwise(words))
    return (
        verbs in PULUMI_COMMANDS
        and options <= PULUMI_OPTIONS
        and values.get("--policy-pack", POLICY_PACK_FOLDER) == POLICY_PACK_FOLDER
        and is_run_file(values.get("--file", f"{FILES_PLACEHOLDER}/none"))
    )


def require_deletions_allowed(continuation: Continuation, context: RunContext) -> None:
    """Raises UsageError if what is left would delete the database that services use."""
    from ops.recovery.serving import require_not_serving

    if not isinstance(context, StackContext):
        return
    for step in continuation.steps:
        action = step.action
        if isinstance(action, Call) and action.api == "rds.delete_db_instance":
            require_not_serving(
                context.aws,
                context.outputs,
                str(action.params.get("DBInstanceIdentifier")),
                "RUN",
                continuation.plan.run,
            )
