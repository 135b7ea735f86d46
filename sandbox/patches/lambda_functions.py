"""Lambda: functions keep where they log."""

from typing import Any

from moto.awslambda.models import LambdaFunction

from sandbox.patches.patching import Mend

mend = Mend()
Record = dict[str, Any]


def _logging(function: LambdaFunction, given: Record | None) -> Record:
    return {
        "LogFormat": "Text",
        "LogGroup": f"/aws/lambda/{function.function_name}",
        **({} if (given or {}).get("LogFormat") != "JSON" else _LEVELS),
        **(given or {}),
    }


# What AWS sets where logs are JSON and no level is given.
_LEVELS = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}


@mend.around(LambdaFunction, "__init__")
def create(
    original: Any, function: LambdaFunction, account_id: str, spec: Record, *args: Any, **given: Any
) -> None:
    original(function, account_id, spec, *args, **given)
    vars(function)["mended_logging"] = _logging(function, spec.get("LoggingConfig"))


@mend.around(LambdaFunction, "update_configuration")
def update(original: Any, function: LambdaFunction, changes: Record) -> Record:
    if "LoggingConfig" in changes:
        vars(function)["mended_logging"] = _logging(function, changes["LoggingConfig"])
    original(function, changes)
    return function.get_configuration()


@mend.around(LambdaFunction, "get_configuration")
def describe(original: Any, function: LambdaFunction, *args: Any, **given: Any) -> Record:
    found: Record = original(function, *args, **given)
    return {**found, "LoggingConfig": vars(function)["mended_logging"]}
