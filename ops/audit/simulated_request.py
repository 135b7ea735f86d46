"""What is asked for: an action, what it acts on, and what is known of the request."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ops.audit.simulated_principal import Principal
from ops.core.checks import format_epoch_time
from ops.core.errors import UsageError
from ops.outputs import Outputs
from ops.permissions.resources import ALL_RESOURCES

_ACTION_FORM: Final = r"[a-z0-9-]+:[A-Za-z][A-Za-z0-9]*"
_ARN_FORM: Final = r"arn:aws[\w-]*:[a-z0-9-]+:[a-z0-9-]*:(?:\d{12}|aws)?:\S+"
_CONTEXT_FORM: Final = r"([A-Za-z0-9-]+:[^=\s]+)=(.+)"
# Types of keys that are no strings (IAM User Guide, "AWS global condition context keys").
CONTEXT_TYPES: Final[Mapping[str, str]] = {
    "aws:currenttime": "date",
    "aws:epochtime": "date",
    "aws:multifactorauthage": "numeric",
    "aws:multifactorauthpresent": "boolean",
    "aws:principalisawsservice": "boolean",
    "aws:securetransport": "boolean",
    "aws:sourceip": "ip",
    "aws:tokenissuetime": "date",
    "aws:viaawsservice": "boolean",
    "aws:vpcsourceip": "ip",
}
# Actions on objects of S3, beside those that are named so (Service Authorization Reference, S3).
_MULTIPART_ACTIONS: Final = ("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")


@dataclass(frozen=True)
class SimulatedResource:
    """An ARN, and whether it is the stack's own; `*` stands for every resource."""

    arn: str
    is_stack_part: bool = False

    @property
    def service(self) -> str:
        """The service of the ARN, empty for every resource."""
        return "" if self.arn == ALL_RESOURCES else self.arn.split(":")[2]

    @property
    def account(self) -> str:
        """The account of the ARN, empty if it says none: those of S3 do not."""
        return "" if self.arn == ALL_RESOURCES else self.arn.split(":")[4]


def parse_action(text: str) -> str:
    """Parses ACTION. Raises UsageError unless it is one action, like `s3:GetObject`."""
    if "*" in text or "?" in text:
        raise UsageError(
            f"ACTION must be one action, without * and ?, not {text!r}: AWS says of each action "
            "whether it is allowed"
        )
    if re.fullmatch(_ACTION_FORM, text, re.ASCII) is None:
        raise UsageError(
            f"ACTION must be a service and an action of it, like s3:GetObject, not {text!r}"
        )
    return text


def list_stack_resources(outputs: Outputs) -> dict[str, str]:
    """ARNs of the stack's parts by the names that RESOURCE takes."""
    partition = outputs.database.arn.split(":")[1]
    stack, backups, balancer = outputs.stack, outputs.backups, outputs.load_balancer

    def format_bucket(name: str | None) -> str | None:
        return f"arn:{partition}:s3:::{name}" if name else None

    parts = {
        "database": outputs.database.arn,
        "secret": outputs.database.secret_arn,
        "bucket": format_bucket(backups.operations_bucket),
        "recovery-bucket": format_bucket(backups.recovery_bucket),
        "access-logs": format_bucket(balancer.access_log_bucket if balancer else None),
        "key": stack.data_key_arn,
        "logs-key": stack.logs_key_arn,
        "recovery-key": stack.recovery_key_arn,
        "cache": outputs.cache.arn if outputs.cache else None,
        "cache-secret": outputs.cache.secret_arn if outputs.cache else None,
        "page-topic": outputs.alarms.page_topic_arn,
        "warn-topic": outputs.alarms.warn_topic_arn,
        "fleet": outputs.fleet.arn if outputs.fleet else None,
        "load-balancer": balancer.arn if balancer else None,
        "cluster": outputs.services.cluster_arn if outputs.services else None,
        **{
            name: service.arn
            for name, service in (outputs.services.services if outputs.services else {}).items()
        },
    }
    return {name: arn for name, arn in parts.items() if arn}


def parse_resource(outputs: Outputs, text: str | None, action: str) -> SimulatedResource:
    """Parses RESOURCE: an ARN, a part of the stack, or `bucket/KEY`. None is every resource.

    A bucket stands for all of its objects if the action is one on objects. Raises UsageError.
    """
    if text is None or text == ALL_RESOURCES:
        return SimulatedResource(ALL_RESOURCES)
    parts = list_stack_resources(outputs)
    name, slash, key = text.partition("/")
    if text in parts:
        arn = parts[text]
        is_bucket = arn.split(":")[2] == "s3"
        return SimulatedResource(
            f"{arn}/*" if is_bucket and is_object_action(action) else arn, True
        )
    if slash and key and parts.get(name, "").split(":")[2:3] == ["s3"]:
        return SimulatedResource(f"{parts[name]}/{key}", True)
    if re.fullmatch(_ARN_FORM, text, re.ASCII) is None:
        raise UsageError(
            f"RESOURCE must be an ARN, bucket/KEY, or one of {', '.join(parts)}, not {text!r}"
        )
    return SimulatedResource(text, text in parts.values())


def is_object_action(action: str) -> bool:
    """True if an action of S3 is on objects, by its name; those on buckets say `Bucket`."""
    return action in _MULTIPART_ACTIONS or (
        action.startswith("s3:") and "Object" in action and "Bucket" not in action
    )


def parse_context(texts: Sequence[str]) -> dict[str, list[str]]:
    """Parses KEY=VALUE,...: the values of condition keys. Raises UsageError."""
    context: dict[str, list[str]] = {}
    for text in texts:
        if (match := re.fullmatch(_CONTEXT_FORM, text)) is None:
            raise UsageError(
                f"--context must be KEY=VALUE, like aws:SourceIp=192.0.2.1, not {text!r}"
            )
        if match[1] in context:
            raise UsageError(f"--context has {match[1]} twice; several values have commas between")
        context[match[1]] = match[2].split(",")
    return context


def build_assumed_context(
    outputs: Outputs, principal: Principal, resource: SimulatedResource, now: datetime
) -> dict[str, list[str]]:
    """What is so of a request of the principal now, in the stack's region, to the stack."""
    stack = outputs.stack
    context = {
        "aws:CurrentTime": format_epoch_time(now.timestamp()),
        "aws:PrincipalAccount": stack.account,
        "aws:PrincipalArn": principal.arn,
        "aws:RequestedRegion": stack.region,
        "aws:SecureTransport": "true",
    }
    if principal.kind == "user":
        context["aws:username"] = principal.name
    if resource.is_stack_part:
        context |= {
            "aws:ResourceAccount": stack.account,
            "aws:ResourceTag/Project": stack.project,
            "aws:ResourceTag/Environment": stack.stack,
        }
    elif resource.account == stack.account:
        context["aws:ResourceAccount"] = stack.account
    return {key: [value] for key, value in context.items()}


def build_context_entries(context: Mapping[str, Sequence[str]]) -> list[dict[str, object]]:
    """The condition keys as AWS's simulator takes them, each with its type."""
    return [
        {
            "ContextKeyName": key,
            "ContextKeyValues": list(values),
            "ContextKeyType": CONTEXT_TYPES.get(key.lower(), "string")
            + ("List" if len(values) > 1 else ""),
        }
        for key, values in context.items()
    ]
