"""Commands of ops in a process of their own: what a plan reads that no single call of AWS tells."""

import sys

from ops.core.plan import Shell


def build_ops_command(*arguments: str) -> Shell:
    """A command of ops that changes nothing."""
    return Shell(argv=(sys.executable, "-m", "ops", *arguments), repeatable=True)


def build_stack_ops_command(
    *arguments: str, project: str, stack: str, region: str, profile: str | None
) -> Shell:
    """The same on a stack, by the outputs that it has when it is typed: a plan may come before."""
    return build_ops_command(
        *arguments,
        "--project",
        project,
        "--stack",
        stack,
        "--region",
        region,
        "--source",
        "ssm",
        "--output",
        "json",
        *(("--profile", profile) if profile else ()),
    )
