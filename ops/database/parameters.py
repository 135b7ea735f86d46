"""Parameters of PostgreSQL: what the stack's group sets, what waits for a reboot, and a change."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Plan, State, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import instance as database
from ops.database.instance import Instance
from ops.outputs import Outputs

MOST: Final = 20  # parameters of one change. Source: API reference, ModifyDBParameterGroup
DEFAULT: Final = "default."  # groups of AWS's own, which nobody may change
APPLY: Final = "DBInstances[0].DBParameterGroups[0].ParameterApplyStatus"
# A number as RDS takes it, by the kind of the parameter: Python's own are more.
NUMBERS: Final = {
    "integer": re.compile(r"-?\d+"),
    "float": re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?"),
}
APPLIED: Final = f"contains(['in-sync', 'pending-reboot'], {APPLY})"


@dataclass(frozen=True)
class Parameter:
    """One parameter, as RDS describes it. `allowed` is a list or a range, as RDS writes them."""

    name: str
    value: str | None
    kind: str
    allowed: str | None
    static: bool
    modifiable: bool
    own: bool
    says: str

    @property
    def method(self) -> str:
        """When a change holds."""
        return "pending-reboot" if self.static else "immediate"

    def row(self) -> dict[str, object]:
        """What a person sees of it."""
        return {
            "parameter": self.name,
            "value": self.value,
            "set": "here" if self.own else "default",
            "takes effect": "at a reboot" if self.static else "at once",
            "may be": self.allowed,
        }


COLUMNS: Final = ("parameter", "value", "set", "takes effect", "may be")


def listed(aws: Aws, outputs: Outputs, group: str, *, own: bool = False) -> list[Parameter]:
    """All parameters of a group by name, or only those that it sets itself."""
    params: State = {"DBParameterGroupName": group, **({"Source": "user"} if own else {})}
    found = database.pages(aws, outputs, "rds.describe_db_parameters", "Parameters", params)
    return sorted((_parameter(item) for item in found), key=lambda one: one.name)


def asked(given: Sequence[str], option: str = "--set") -> dict[str, str]:
    """NAME=VALUE of each --set, or of another option. Raises UsageError."""
    wanted: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UsageError(f"{option} is {text!r}, may be NAME=VALUE, like work_mem=8192")
        if wanted.setdefault(name, value) != value:
            raise UsageError(f"{option} is {text!r}, and {name}={wanted[name]} too: it may be once")
    if len(wanted) > MOST:
        raise UsageError(f"{option} is given {len(wanted)} times, may be {MOST} at most")
    return wanted


def chosen(
    known: Sequence[Parameter], wanted: Mapping[str, str], option: str = "--set"
) -> list[tuple[Parameter, str]]:
    """The parameters to change, each with its new value. Raises UsageError for what cannot be."""
    by_name = {one.name: one for one in known}
    found = []
    for name, value in wanted.items():
        one = by_name.get(name)
        if one is None:
            near = difflib.get_close_matches(name, by_name, 5)
            hint = f", may be {', '.join(near)}" if near else ""
            raise UsageError(f"{option} is {name!r}, which is no parameter{hint}", _ALL)
        if not one.modifiable:
            raise UsageError(f"{option} is {name!r}, which RDS lets nobody change", _ALL)
        if not fits(one, value):
            raise UsageError(f"{option} is '{name}={value}', may be {one.allowed}", _ALL)
        if one.own and one.value == value:
            raise UsageError(f"{option} is '{name}={value}', which it is already")
        found.append((one, value))
    return found


_ALL: Final = "ops db parameters --all"


def fits(one: Parameter, value: str) -> bool:
    """Whether RDS takes a value: one of a list (or several, of a list of them), or in a range.

    A formula of RDS's, like `{DBInstanceClassMemory/32768}`, is RDS's own to judge.
    """
    if one.allowed is None or "{" in value:
        return True
    options = [option.strip() for option in one.allowed.split(",")]
    if one.kind == "list":
        return all(part.strip() in options for part in value.split(","))
    if value in options:
        return True
    number = NUMBERS.get(one.kind)
    if number is not None and not number.fullmatch(value):
        return False
    return any(_within(option, value) for option in options)


def _within(bounds: str, value: str) -> bool:
    least, dash, most = bounds[1:].partition("-")
    if not dash:
        return False
    try:
        return float(bounds[0] + least) <= float(value) <= float(most)
    except ValueError:
        return False


def change(
    outputs: Outputs, found: Instance, wanted: Sequence[tuple[Parameter, str]], run: str
) -> Plan:
    """The group says so, and the instance has taken it, or waits for a reboot to.

    Undone: what the group said before, or the default where it said nothing.
    """
    group = str(found.group)
    if group.startswith(DEFAULT):
        raise OpsError(f"{found.identifier} has AWS's own {group}, which nobody may change")
    database.settled(found, "for its parameters to be changed")
    before = [(one, str(one.value)) for one, _ in wanted if one.own]
    unset = [one for one, _ in wanted if not one.own]
    back = [
        *([setting(outputs, group, "back", before)] if before else []),
        *([_reset(outputs, group, unset)] if unset else []),
    ]
    looking = database.looking(outputs, found.identifier)
    steps = (
        setting(outputs, group, "set", wanted).model_copy(update={"undo": tuple(back)}),
        Step(
            name="applied",
            says=f"see {found.identifier} in sync, or waiting for a reboot",
            do=looking,
            goal=Wait(read=looking, met={APPLIED: True}, every=15, within=900),
        ),
    )
    static = [one.name for one, _ in wanted if one.static]
    names = ", ".join(f"{one.name}: {value}" for one, value in wanted)
    notes = (
        *(f"{one.name}: {one.value or 'unset'} -> {value}" for one, value in wanted),
        *([f"{', '.join(static)} takes effect at `ops db reboot`"] if static else []),
        f"the settings of the stack own this group: add {{{names}}} to database.parameters as "
        "well, or the next `pulumi up` changes it back",
    )
    return build_stack_plan(outputs, run, "db parameters", *steps, notes=notes)


def setting(
    outputs: Outputs, group: str, name: str, wanted: Sequence[tuple[Parameter, str]]
) -> Step:
    """The step that sets parameters of a group."""
    said = ", ".join(f"{one.name} = {value}" for one, value in wanted)
    return Step(
        name=name,
        says=f"set {said} in {group}",
        do=database.where(
            outputs,
            "rds.modify_db_parameter_group",
            {
                "DBParameterGroupName": group,
                "Parameters": [
                    {"ParameterName": one.name, "ParameterValue": value, "ApplyMethod": one.method}
                    for one, value in wanted
                ],
            },
        ),
        goal=_shown(outputs, group, {one.name: value for one, value in wanted}),
    )


def _reset(outputs: Outputs, group: str, unset: Sequence[Parameter]) -> Step:
    return Step(
        name="reset",
        says=f"leave {', '.join(one.name for one in unset)} to the default in {group}",
        do=database.where(
            outputs,
            "rds.reset_db_parameter_group",
            {
                "DBParameterGroupName": group,
                "Parameters": [
                    {"ParameterName": one.name, "ApplyMethod": one.method} for one in unset
                ],
            },
        ),
        goal=_shown(outputs, group, {one.name: None for one in unset}),
    )


def _shown(outputs: Outputs, group: str, wanted: Mapping[str, str | None]) -> Wait:
    params: State = {"DBParameterGroupName": group, "Source": "user", "MaxRecords": 100}
    return Wait(
        read=database.where(outputs, "rds.describe_db_parameters", params),
        met={
            f"Parameters[?ParameterName=='{name}'] | [0].ParameterValue": value
            for name, value in wanted.items()
        },
        every=5,
        within=300,
    )


def _parameter(seen: Mapping[str, Any]) -> Parameter:
    return Parameter(
        name=seen["ParameterName"],
        value=seen.get("ParameterValue"),
        kind=seen.get("DataType", "string"),
        allowed=seen.get("AllowedValues"),
        static=seen.get("ApplyType") == "static",
        modifiable=bool(seen.get("IsModifiable", True)),
        own=seen.get("Source") == "user",
        says=seen.get("Description", ""),
    )
