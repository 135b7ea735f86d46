"""`ops audit used`: what the stack's roles may and what they used, with the narrower policy."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ops.audit.access_use import (
    RECORD_NOTES,
    TRACKED_DAYS,
    list_own_policies,
    list_roles_of_stack,
    read_uses,
)
from ops.audit.role_proposals import RoleProposal, build_proposal, list_role_policies
from ops.audit.simulated_principal import list_stack_roles, parse_principal
from ops.cli.context import load_stack, require_file_kind, write_report
from ops.cli.render import Output
from ops.core import clock
from ops.core.counts import format_count
from ops.core.errors import FindingsError, OpsError, UsageError
from ops.core.times import format_utc_minute

# FSBP IAM.22 asks for 45 days of credentials; a quarter holds what is done once in one.
DEFAULT_DAYS: Final = 90
ROLE_COLUMNS: Final = ("role", "state", "since", "lastUsed", "granted", "unused", "reason")
ACTION_COLUMNS: Final = ("action", "state", "lastUsed", "reason")
CHANGES_NOTHING_NOTE: Final = "nothing is changed: set it where the role is declared, and deploy"


def show_used(
    context: typer.Context,
    role: Annotated[
        str | None,
        typer.Argument(
            metavar="[ROLE]",
            help="a service, SERVICE-execution, fleet, reader, operator, recoverer, backup, "
            "export, or the name or ARN of a role of the stack; without it, all of them",
        ),
    ] = None,
    days: Annotated[
        int,
        typer.Option(
            metavar="N", help=f"what was not used for so many days, 1 to {TRACKED_DAYS}, is unused"
        ),
    ] = DEFAULT_DAYS,
    policy: Annotated[
        bool, typer.Option("--policy", help="print the narrower policies of ROLE as JSON")
    ] = False,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write them to this file: .json")
    ] = None,
) -> None:
    """What the stack's roles may and when they used it, with the narrower policy of each.

    From IAM's record of last accesses. Changes nothing. Roles younger than --days, and those for
    emergencies, are not narrowed. Exit code 3 if the use of a role is not known.
    """
    _require_options(role, days, to, is_policy=policy)
    outputs, aws, output = load_stack(context)
    principal = None if role is None else parse_principal(outputs, role)
    if principal is not None and principal.kind != "role":
        raise UsageError(f"ROLE must be a role, not {role!r}")
    roles = list_roles_of_stack(aws, outputs)
    if principal is not None:
        roles = [item for item in roles if item["RoleName"] == principal.name]
        if not roles:
            raise UsageError(
                f"ROLE must be a role of the stack, like {', '.join(list_stack_roles(outputs))}, "
                f"not {role!r}"
            )
    own_policies = list_own_policies(aws)
    from ops.core.run import WallClock  # the engine, which other looks do without

    uses = read_uses(aws, [str(item["Arn"]) for item in roles], WallClock())
    now = clock.now()
    proposals = [
        build_proposal(
            outputs,
            item,
            list_role_policies(item, own_policies),
            uses[str(item["Arn"])],
            now,
            days,
        )
        for item in roles
    ]
    if policy:
        _print_policies(output, proposals[0], days, to)
        return
    if role is None:
        output.print_rows("audit-used", ROLE_COLUMNS, [_build_row(item) for item in proposals])
    else:
        _print_role(output, proposals[0], days)
    for note in RECORD_NOTES:
        output.print_note(note)
    unknown = [item for item in proposals if item.state == "unknown"]
    if unknown:
        raise FindingsError(
            f"the use of {format_count(len(unknown), 'role')} is not known: "
            f"{unknown[0].name}: {unknown[0].reason}"
        )


def _require_options(role: str | None, days: int, to: Path | None, *, is_policy: bool) -> None:
    if not 1 <= days <= TRACKED_DAYS:
        raise UsageError(
            f"--days must be between 1 and {TRACKED_DAYS} (what AWS keeps), not {days}"
        )
    if is_policy and role is None:
        raise UsageError("--policy is set, so ROLE must be set too")
    if to is not None:
        if not is_policy:
            raise UsageError("--to is set, so --policy must be set too")
        require_file_kind("--to", to, (".json",))


def _build_row(proposal: RoleProposal) -> dict[str, Any]:
    last_used = proposal.use.last_used
    return {
        "role": proposal.name,
        "state": proposal.state,
        "since": f"{proposal.created:%Y-%m-%d}",
        "lastUsed": _format_use(last_used),
        "granted": len(proposal.actions),
        "unused": sum(action.state == "unused" for action in proposal.actions),
        "declared": proposal.declared,
        "reason": proposal.reason,
    }


def _format_use(moment: datetime | None) -> str | None:
    return None if moment is None else format_utc_minute(moment.timestamp())


def _print_role(output: Output, proposal: RoleProposal, days: int) -> None:
    rows = [
        {
            "action": action.action,
            "state": action.state,
            "lastUsed": _format_use(action.last_used),
            "reason": action.reason,
        }
        for action in proposal.actions
    ]
    if output.output_format == "json":
        fields = {**_build_row(proposal), "days": days, "notes": list(proposal.notes)}
        output.print_json("audit-used-role", {**fields, "items": rows})
        return
    output.print_rows("audit-used-role", ACTION_COLUMNS, rows)
    output.print_line(f"{proposal.name}: {proposal.state}, since {proposal.created:%Y-%m-%d}")
    for line in (proposal.reason, *proposal.notes, f"declared in {proposal.declared}"):
        if line:
            output.print_line(line)


def _print_policies(output: Output, proposal: RoleProposal, days: int, to: Path | None) -> None:
    """Prints the narrower policies by name, or why there are none."""
    for note in (*proposal.notes, *RECORD_NOTES):
        output.print_note(note)
    if proposal.state == "unknown":
        raise FindingsError(f"the use of {proposal.name} is not known: {proposal.reason}")
    if proposal.state != "narrow":
        reason = proposal.reason or f"it used in {days} days all that AWS tracks"
        raise OpsError(f"no narrower policy of {proposal.name}: {reason}")
    for action in proposal.actions:
        if action.state == "not tracked":
            output.print_note(f"{action.action} stays: {action.reason}")
    left = {name: text for name, text in proposal.policies.items() if text is not None}
    for name in proposal.policies.keys() - left.keys():
        output.print_note(f"{name}: nothing of it was used, it can go")
    text = json.dumps(left, indent=2)
    if to is None:
        output.print_text(text)
        if output.output_format == "json":
            output.print_json("audit-used-policy", {"role": proposal.name, "policies": left})
    else:
        write_report("--to", to, f"{text}\n")
        output.print_result("audit-used-policy", {"role": proposal.name, "report": str(to)})
    output.print_note(f"declared in {proposal.declared}; {CHANGES_NOTHING_NOTE}")
