"""Lambda: functions keep their logging configuration, and are in the VPC of their subnets."""

from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.ec2.models import ec2_backends

from sandbox.patches.patching import ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]


def _build_logging_config(function: LambdaFunction, config: ApiRecord | None) -> ApiRecord:
    return {
        "LogFormat": "Text",
        "LogGroup": f"/aws/lambda/{function.function_name}",
        **({} if (config or {}).get("LogFormat") != "JSON" else _DEFAULT_LOG_LEVELS),
        **(config or {}),
    }


# AWS's default level for JSON logs.
_DEFAULT_LOG_LEVELS = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}


@patch.wrap(LambdaFunction, "__init__")
def keep_logging_config(
    original: Any,
    function: LambdaFunction,
    account_id: str,
    spec: ApiRecord,
    *args: Any,
    **kwargs: Any,
) -> None:
    original(function, account_id, spec, *args, **kwargs)
    vars(function)["sandbox_logging"] = _build_logging_config(function, spec.get("LoggingConfig"))


@patch.wrap(LambdaFunction, "update_configuration")
def update_logging_config(original: Any, function: LambdaFunction, changes: ApiRecord) -> ApiRecord:
    if "LoggingConfig" in changes:
        logging_config = _build_logging_config(function, changes["LoggingConfig"])
        vars(function)["sandbox_logging"] = logging_config
    original(function, changes)
    return function.get_configuration()


@patch.wrap(LambdaFunction, "get_configuration")
def describe_logging_config(
    original: Any, function: LambdaFunction, *args: Any, **kwargs: Any
) -> ApiRecord:
    configuration: ApiRecord = original(function, *args, **kwargs)
    vpc = configuration.get("VpcConfig")
    return {
        **configuration,
        **({"VpcConfig": {**vpc, "VpcId": _find_vpc(function, vpc)}} if vpc else {}),
        "LoggingConfig": vars(function)["sandbox_logging"],
    }


def _find_vpc(function: LambdaFunction, vpc_config: ApiRecord) -> str:
    """The VPC of the function's subnets; moto has the same for all. Empty without any."""
    ids = vpc_config.get("SubnetIds") or ()
    subnets = ec2_backends[function.account_id][function.region].describe_subnets()
    return next((str(subnet.vpc_id) for subnet in subnets if subnet.id in ids), "")
