"""Refuses stacks whose names of resources another stack in the account has, or covers.

A resource is named PROJECT-STACK-..., and a deployment may change what begins so. `shop` with the
stack `eu-prod` and `shop-eu` with `prod` overwrite each other's alarms and dashboards.
"""

from collections.abc import Callable, Iterator

from pydantic import JsonValue

from ops.bootstrap.names import FoundationNames
from ops.bootstrap.roles import IAM_NOT_FOUND
from ops.core.errors import UsageError
from ops.core.plan import Call


def require_no_neighbours(
    names: FoundationNames, find_response: Callable[[Call], JsonValue]
) -> None:
    """Raises UsageError if a new stack's prefix is, or begins with, that of another stack.

    Every project and stack whose names would make it is asked for by its deployment role. A
    stack that has its own role already is not refused. `find_response` returns None for what cannot
    be read, which the check reports by itself.
    """
    for stack in names.environments:
        if _has_role(names.project, stack, find_response):
            continue
        for project, other_stack in list_neighbours(names.project, stack):
            if _has_role(project, other_stack, find_response):
                raise UsageError(
                    f"--environments has {stack}, whose resources begin with "
                    f"{names.project}-{stack}-: the stack {other_stack} of the project {project} "
                    f"in this account has {project}-{other_stack}-, and one would change what is "
                    "the other's, so rename one"
                )


def list_neighbours(project: str, stack: str) -> Iterator[tuple[str, str]]:
    """Lists projects and their other stacks whose PROJECT-STACK is this one's, or begins it."""
    words = f"{project}-{stack}".split("-")
    for end in range(len(words), 1, -1):
        for middle in range(1, end):
            pair = "-".join(words[:middle]), "-".join(words[middle:end])
            if pair != (project, stack):
                yield pair


def _has_role(project: str, stack: str, find_response: Callable[[Call], JsonValue]) -> bool:
    response = find_response(
        Call(
            api="iam.get_role",
            params={"RoleName": f"{project}-deploy-{stack}"},
            expected_errors=(IAM_NOT_FOUND,),
        )
    )
    return response is not None and not (isinstance(response, dict) and "answer" in response)
