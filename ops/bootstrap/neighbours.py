"""Refuses stacks whose names of resources another stack in the account has, or covers.

A resource is named PROJECT-STACK-..., and a deployment may change what begins so. `shop` with the
stack `eu-prod` and `shop-eu` with `prod` overwrite each other's alarms and dashboards; `shop` with
`eu` may change what is theirs.
"""

import re
from collections.abc import Callable, Iterator

from pydantic import JsonValue

from ops.bootstrap.names import FoundationNames
from ops.core.access_key_action import IAM_NOT_FOUND
from ops.core.errors import UsageError
from ops.core.plan import Call


def require_no_neighbours(
    names: FoundationNames, find_response: Callable[[Call], JsonValue]
) -> None:
    """Raises UsageError if a new stack's prefix begins with that of another stack, or begins it.

    Every project and stack whose names would begin it is asked for by its deployment role; those
    that it would begin are found among the roles of the account. A stack that has its own role
    already is not refused. `find_response` returns None for what cannot be read, which the check
    reports by itself.
    """
    for stack in names.environments:
        if _find_role(names.project, stack, find_response) is not None:
            continue
        for project, other_stack in list_neighbours(names.project, stack):
            if _is_deployed(project, other_stack, find_response):
                raise _build_error(names.project, stack, project, other_stack)
        for project, other_stack in _list_covered_stacks(names.project, stack, find_response):
            raise _build_error(names.project, stack, project, other_stack)


def _build_error(project: str, stack: str, other_project: str, other_stack: str) -> UsageError:
    return UsageError(
        f"--environments has {stack}, whose resources begin with {project}-{stack}-: the stack "
        f"{other_stack} of the project {other_project} in this account has "
        f"{other_project}-{other_stack}-, and one would change what is the other's, so rename one"
    )


def list_neighbours(project: str, stack: str) -> Iterator[tuple[str, str]]:
    """Lists projects and their other stacks whose PROJECT-STACK is this one's, or begins it."""
    words = f"{project}-{stack}".split("-")
    for end in range(len(words), 1, -1):
        for middle in range(1, end):
            pair = "-".join(words[:middle]), "-".join(words[middle:end])
            if pair != (project, stack):
                yield pair


def _list_covered_stacks(
    project: str, stack: str, find_response: Callable[[Call], JsonValue]
) -> Iterator[tuple[str, str]]:
    """Lists projects and their stacks whose PROJECT-STACK begins with this one's and a hyphen."""
    response = find_response(Call(api="iam.list_roles", params={}))
    roles = response.get("Roles") if isinstance(response, dict) else None
    for role in roles if isinstance(roles, list) else ():
        name = str(role["RoleName"]) if isinstance(role, dict) else ""
        for match in re.finditer("(?=-deploy-)", name):
            pair = name[: match.start()], name[match.start() + len("-deploy-") :]
            is_covered = "-".join(pair).startswith(f"{project}-{stack}-")
            if is_covered and _is_deployed(*pair, find_response):
                yield pair


def _is_deployed(project: str, stack: str, find_response: Callable[[Call], JsonValue]) -> bool:
    """True if a stack has its deployment role: of the name alone, somebody else may have one."""
    role = _find_role(project, stack, find_response)
    tags = role.get("Tags") if isinstance(role, dict) else None
    return {"Key": "Project", "Value": project} in (tags if isinstance(tags, list) else [])


def _find_role(project: str, stack: str, find_response: Callable[[Call], JsonValue]) -> JsonValue:
    """Returns the role that deploys a stack, None if there is none or it cannot be read."""
    response = find_response(
        Call(
            api="iam.get_role",
            params={"RoleName": f"{project}-deploy-{stack}"},
            expected_errors=(IAM_NOT_FOUND,),
        )
    )
    return response.get("Role") if isinstance(response, dict) else None
