"""PostgreSQL parameters: values of the stack's group, pending reboots, and changes."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import JsonObject, Plan, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.database.events import build_failure_reports
from ops.database.instance import (
    DatabaseInstance,
    describe_instance_call,
    list_in_stack_region,
    rds_call,
    require_takes,
)
from ops.database.statuses import (
    DATABASE_STATUS_PATH,
    SERVING_STATUSES,
    STEADY,
    Change,
    build_failed_conditions,
)
from ops.outputs import Outputs

MAX_PARAMETERS_PER_CHANGE: Final = (
    20  # parameters per change. Source: API reference, ModifyDBParameterGroup
)
DEFAULT_GROUP_PREFIX: Final = "default."  # AWS's own groups, which cannot be changed
PARAMETER_APPLY_STATUS_PATH: Final = "DBInstances[0].DBParameterGroups[0].ParameterApplyStatus"
# Numbers that RDS accepts, by data type; Python's own parsers accept more.
NUMBER_PATTERNS: Final = {
    "integer": re.compile(r"-?\d+"),
    "float": re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?"),
}
INCOMPATIBLE_PARAMETERS: Final = "incompatible-parameters"
TYPICAL_START_SECONDS: Final = 300
# Seconds that a status must last. RDS shows `applying` some time after the group has changed, and
# `in-sync` of before until then: how long is an assumption, AWS gives no figure.
APPLIED_HOLD_SECONDS: Final = 60
PARAMETERS_APPLIED_EXPRESSION: Final = (
    f"contains(['in-sync', 'pending-reboot'], {PARAMETER_APPLY_STATUS_PATH})"
)


@dataclass(frozen=True)
class PostgresParameter:
    """One parameter. `allowed_values` is a list or a range, as RDS writes it."""

    name: str
    value: str | None
    data_type: str
    allowed_values: str | None
    is_static: bool
    is_modifiable: bool
    is_user_set: bool
    description: str

    @property
    def apply_method(self) -> str:
        """When RDS applies a change: `immediate` or `pending-reboot`."""
        return "pending-reboot" if self.is_static else "immediate"

    def row(self) -> dict[str, object]:
        """Returns the table row."""
        return {
            "parameter": self.name,
            "value": self.value,
            "set": "here" if self.is_user_set else "default",
            "takes effect": "at a reboot" if self.is_static else "at once",
            "allowed": self.allowed_values,
        }


PARAMETER_COLUMNS: Final = ("parameter", "value", "set", "takes effect", "allowed")


def list_database_parameters(
    aws: Aws, outputs: Outputs, group: str, *, user_only: bool = False
) -> list[PostgresParameter]:
    """Lists a group's parameters by name; with `user_only` only those that it sets itself."""
    params: JsonObject = {
        "DBParameterGroupName": group,
        **({"Source": "user"} if user_only else {}),
    }
    items = list_in_stack_region(aws, outputs, "rds.describe_db_parameters", "Parameters", params)
    return sorted((parse_parameter(item) for item in items), key=lambda parameter: parameter.name)


def parse_parameter_values(texts: Sequence[str], option: str = "--set") -> dict[str, str]:
    """Parses NAME=VALUE texts. Raises UsageError for a malformed, repeated or excess one."""
    values: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not (name and separator and value):
            raise UsageError(f"{option} must be NAME=VALUE, like work_mem=8192, not {text!r}")
        if values.setdefault(name, value) != value:
            raise UsageError(
                f"{option} must name {name} only once, not {name}={values[name]} and {text}"
            )
    if len(values) > MAX_PARAMETERS_PER_CHANGE:
        raise UsageError(
            f"{option} can set at most {MAX_PARAMETERS_PER_CHANGE} parameters, not {len(values)}"
        )
    return values


def resolve_parameter_changes(
    parameters: Sequence[PostgresParameter], values: Mapping[str, str], option: str = "--set"
) -> list[tuple[PostgresParameter, str]]:
    """Returns the parameters to change, each with its new value.

    Raises UsageError if a parameter does not exist, cannot be changed, has the value already or
    does not allow it.
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    changes = []
    for name, value in values.items():
        parameter = by_name.get(name)
        if parameter is None:
            similar_names = difflib.get_close_matches(name, by_name, 5)
            hint = f"; similar names: {', '.join(similar_names)}" if similar_names else ""
            raise UsageError(
                f"{option}: there is no parameter {name!r}{hint}", _ALL_PARAMETERS_COMMAND
            )
        if not parameter.is_modifiable:
            raise UsageError(
                f"{option}: RDS does not let {name!r} be changed", _ALL_PARAMETERS_COMMAND
            )
        if not is_allowed_value(parameter, value):
            raise UsageError(
                f"{option}: {name} must be {parameter.allowed_values}, not {value!r}",
                _ALL_PARAMETERS_COMMAND,
            )
        if parameter.is_user_set and parameter.value == value:
            raise UsageError(f"{option}: {name} is {value} already")
        changes.append((parameter, value))
    return changes


_ALL_PARAMETERS_COMMAND: Final = "ops db parameters --all"


def is_allowed_value(parameter: PostgresParameter, value: str) -> bool:
    """True if a value is in the allowed list or range; a list parameter allows several.

    Formulas like `{DBInstanceClassMemory/32768}` are left to RDS to check.
    """
    if parameter.allowed_values is None or "{" in value:
        return True
    options = [option.strip() for option in parameter.allowed_values.split(",")]
    if parameter.data_type == "list":
        return all(part.strip() in options for part in value.split(","))
    if value in options:
        return True
    number_pattern = NUMBER_PATTERNS.get(parameter.data_type)
    if number_pattern is not None and not number_pattern.fullmatch(value):
        return False
    return any(_is_in_range(option, value) for option in options)


def _is_in_range(bounds: str, value: str) -> bool:
    minimum, separator, maximum = bounds[1:].partition("-")
    if not separator:
        return False
    try:
        return float(bounds[0] + minimum) <= float(value) <= float(maximum)
    except ValueError:
        return False


def build_parameter_change_plan(
    outputs: Outputs,
    instance: DatabaseInstance,
    changes: Sequence[tuple[PostgresParameter, str]],
    run: str,
) -> Plan:
    """Builds the plan that sets parameters in the group and waits for the instance to apply them.

    Undo restores the previous values, or the defaults for parameters that were unset. An instance
    that its parameters keep from starting is rebooted, and its previous values are not restored.
    Raises OpsError for a default group or an instance that cannot apply parameters now.
    """
    group = str(instance.parameter_group)
    if group.startswith(DEFAULT_GROUP_PREFIX):
        raise OpsError(
            f"{instance.identifier} uses {group}, a default group of AWS that cannot be changed"
        )
    is_incompatible = instance.status == INCOMPATIBLE_PARAMETERS
    if instance.status not in SERVING_STATUSES and not is_incompatible:
        require_takes(instance, "before its parameters are changed", Change.MODIFY)
    previous_values = [
        (parameter, str(parameter.value)) for parameter, _ in changes if parameter.is_user_set
    ]
    unset_parameters = [parameter for parameter, _ in changes if not parameter.is_user_set]
    undo_steps = [
        *(
            [build_parameter_set_step(outputs, group, "back", previous_values)]
            if previous_values
            else []
        ),
        *(
            [_build_parameter_reset_step(outputs, group, unset_parameters)]
            if unset_parameters
            else []
        ),
    ]
    set_step = build_parameter_set_step(outputs, group, "set", changes)
    steps = (
        (set_step, _build_start_step(outputs, instance))
        if is_incompatible
        else (
            set_step.model_copy(update={"undo": tuple(undo_steps)}),
            _build_applied_step(outputs, instance),
        )
    )
    static_names = [
        parameter.name for parameter, _ in changes if parameter.is_static and not is_incompatible
    ]
    assignments = ", ".join(f"{parameter.name}: {value}" for parameter, value in changes)
    notes = (
        *(
            [f"takes effect after `ops db reboot`: {', '.join(static_names)}"]
            if static_names
            else []
        ),
        f"add {{{assignments}}} to database.parameters in the stack's settings too, or the next "
        "`pulumi up` reverts it",
        *(
            [
                f"{instance.identifier} is down, its parameters keep it from starting: it is "
                "rebooted; there is no undo, since the previous values do not start it"
            ]
            if is_incompatible
            else []
        ),
    )
    return build_stack_plan(
        outputs,
        run,
        "db parameters",
        *steps,
        changes=[
            f"{parameter.name}: {parameter.value or 'unset'} -> {value}"
            for parameter, value in changes
        ],
        losses=(),
        cost=NO_COST,
        notes=notes,
    )


def _build_applied_step(outputs: Outputs, instance: DatabaseInstance) -> Step:
    describe_call = describe_instance_call(outputs, instance.identifier)
    return Step(
        name="applied",
        description=f"wait until {instance.identifier} is in sync or pending a reboot, and is so "
        f"for {APPLIED_HOLD_SECONDS} s",
        action=describe_call,
        goal=Wait(
            read=describe_call,
            met={PARAMETERS_APPLIED_EXPRESSION: True},
            holds_for=APPLIED_HOLD_SECONDS,
            failed=build_failed_conditions(),
            reports=build_failure_reports(outputs, instance.identifier),
            every=15,
            within=900,
        ),
    )


def _build_start_step(outputs: Outputs, instance: DatabaseInstance) -> Step:
    """Builds the reboot that starts an instance with the parameters that now fit it.

    Source: re:Post, "RDS DB instance is in the incompatible-parameters state": set the values,
    then reboot.
    """
    return Step(
        name="start",
        description=f"reboot {instance.identifier}, so that it starts with these values",
        action=rds_call(
            outputs,
            "rds.reboot_db_instance",
            {"DBInstanceIdentifier": instance.identifier},
            repeatable=False,
        ),
        goal=Wait(
            read=describe_instance_call(outputs, instance.identifier),
            met={**STEADY, PARAMETER_APPLY_STATUS_PATH: "in-sync"},
            begun={DATABASE_STATUS_PATH: "rebooting"},
            failed=build_failed_conditions(INCOMPATIBLE_PARAMETERS),
            reports=build_failure_reports(outputs, instance.identifier),
            # Still incompatible at the end: these values do not fit it either.
            failed_on_timeout={DATABASE_STATUS_PATH: [INCOMPATIBLE_PARAMETERS]},
            within=1800,
            typical=TYPICAL_START_SECONDS,
            source="an assumption, AWS gives no figure",
        ),
    )


def build_parameter_set_step(
    outputs: Outputs, group: str, name: str, changes: Sequence[tuple[PostgresParameter, str]]
) -> Step:
    """Builds the step that sets parameters of a group."""
    assignments = ", ".join(f"{parameter.name} = {value}" for parameter, value in changes)
    return Step(
        name=name,
        description=f"set {assignments} in {group}",
        action=rds_call(
            outputs,
            "rds.modify_db_parameter_group",
            {
                "DBParameterGroupName": group,
                "Parameters": [
                    {
                        "ParameterName": parameter.name,
                        "ParameterValue": value,
                        "ApplyMethod": parameter.apply_method,
                    }
                    for parameter, value in changes
                ],
            },
        ),
        goal=_build_group_values_wait(
            outputs, group, {parameter.name: value for parameter, value in changes}
        ),
    )


def _build_parameter_reset_step(
    outputs: Outputs, group: str, parameters: Sequence[PostgresParameter]
) -> Step:
    return Step(
        name="reset",
        description=f"reset {', '.join(parameter.name for parameter in parameters)} to the "
        f"default in {group}",
        action=rds_call(
            outputs,
            "rds.reset_db_parameter_group",
            {
                "DBParameterGroupName": group,
                "Parameters": [
                    {"ParameterName": parameter.name, "ApplyMethod": parameter.apply_method}
                    for parameter in parameters
                ],
            },
        ),
        goal=_build_group_values_wait(
            outputs, group, {parameter.name: None for parameter in parameters}
        ),
    )


def _build_group_values_wait(
    outputs: Outputs, group: str, values: Mapping[str, str | None]
) -> Wait:
    params: JsonObject = {"DBParameterGroupName": group, "Source": "user"}
    return Wait(
        read=rds_call(outputs, "rds.describe_db_parameters", params),
        met={
            f"Parameters[?ParameterName=='{name}'] | [0].ParameterValue": value
            for name, value in values.items()
        },
        every=5,
        within=300,
    )


def parse_parameter(description: Mapping[str, Any]) -> PostgresParameter:
    """Parses a parameter from its description by RDS."""
    return PostgresParameter(
        name=description["ParameterName"],
        value=description.get("ParameterValue"),
        data_type=description.get("DataType", "string"),
        allowed_values=description.get("AllowedValues"),
        is_static=description.get("ApplyType") == "static",
        is_modifiable=bool(description.get("IsModifiable", True)),
        is_user_set=description.get("Source") == "user",
        description=description.get("Description", ""),
    )
