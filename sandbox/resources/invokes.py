"""What the program may ask AWS: Pulumi's invokes, answered by the same AWS in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.resources.creation import Place
from sandbox.resources.expressions import Template, evaluated


@dataclass(frozen=True)
class Invoke:
    """One invoke: the call behind it, if any, and what of its answer the program gets."""

    outputs: Mapping[str, Template]
    operation: str | None = None
    params: Template = field(default_factory=dict)


INVOKES: Final[Mapping[str, Invoke]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": Invoke(
        operation="sts.get_caller_identity",
        outputs={
            "accountId": "out.Account",
            "arn": "out.Arn",
            "userId": "out.UserId",
            "id": "out.Account",
        },
    ),
    "aws:index/getPartition:getPartition": Invoke(
        outputs={
            "partition": "partition",
            "dnsSuffix": "'amazonaws.com'",
            "reverseDnsPrefix": "'com.amazonaws'",
            "id": "partition",
        }
    ),
    "aws:index/getRegion:getRegion": Invoke(
        outputs={"name": "region", "region": "region", "id": "region"}
    ),
    "aws:ssm/getParameter:getParameter": Invoke(
        operation="ssm.get_parameter",
        params={"Name": "in.name", "WithDecryption": "in.withDecryption"},
        outputs={
            "arn": "out.Parameter.ARN",
            "id": "in.name",
            "name": "in.name",
            "type": "out.Parameter.Type",
            "value": "out.Parameter.Value",
            "insecureValue": "out.Parameter.Value",
            "version": "out.Parameter.Version",
        },
    ),
}


def answer(token: str, inputs: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """What an invoke answers. Raises LookupError for one that nobody has thought of."""
    invoke = INVOKES.get(token)
    if invoke is None:
        raise LookupError(f"{token} has no answer: add it to sandbox/resources/invokes.py")
    known: dict[str, Any] = {
        "in": inputs,
        "account": place.account,
        "partition": place.partition,
        "region": inputs.get("region") or place.region,
    }
    if invoke.operation is not None:
        service, _, method = invoke.operation.partition(".")
        call = getattr(place.client(service, known["region"]), method)
        known["out"] = call(**evaluated(invoke.params, known))
    return evaluated(invoke.outputs, known)  # type: ignore[no-any-return]
