"""S3: replication rules as they were given, who may deliver access logs, and quicker calls."""

import json
from types import ModuleType
from typing import Any

from moto.core.responses import ActionResult
from moto.s3 import urls
from moto.s3.exceptions import ReplicationConfigurationNotFoundError
from moto.s3.models import FakeBucket, S3Backend
from moto.s3.responses import S3Response

from sandbox.patches.patching import ServicePatch

patch = ServicePatch()
LOGGING_SERVICE = "logging.s3.amazonaws.com"


@patch.replace(S3Backend, "_url_module")
def get_url_module(_backend: S3Backend) -> ModuleType:
    """moto reads the module again at each call, for endpoints that are set while it runs."""
    return urls


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@patch.replace(FakeBucket, "_log_permissions_enabled_policy")
def is_log_delivery_allowed(target_bucket: FakeBucket, target_prefix: str | None) -> bool:
    """Whether the target's policy lets S3 write logs. moto reads one exact spelling only."""
    if not target_bucket.policy:
        return False
    arn = f"arn:{target_bucket.partition}:s3:::{target_bucket.name}"
    covering_resources = {"*", f"{arn}/*", f"{arn}/{target_prefix or ''}*"}
    for statement in _as_list(json.loads(target_bucket.policy)["Statement"]):
        principal = statement.get("Principal", {})
        services = _as_list(principal.get("Service", [])) if isinstance(principal, dict) else []
        resources = set(_as_list(statement.get("Resource", [])))
        actions = {"s3:PutObject", "s3:Put*", "s3:*"} & set(_as_list(statement.get("Action", [])))
        is_granted = statement["Effect"] == "Allow" and LOGGING_SERVICE in services and actions
        if is_granted and any(
            r in covering_resources or _is_covering(r, arn, target_prefix) for r in resources
        ):
            return True
    return False


def _is_covering(resource: str, arn: str, prefix: str | None) -> bool:
    """Whether a resource like arn:aws:s3:::logs/s3/* takes in everything under the prefix."""
    return resource.endswith("*") and f"{arn}/{prefix or ''}".startswith(resource[:-1])


@patch.replace(S3Response, "get_bucket_replication")
def get_bucket_replication(response: S3Response) -> Any:
    """moto answers every rule with no filter and no replication of deletions."""
    response.data["Action"] = "GetBucketReplication"
    configuration = response.backend.get_bucket_replication(response.bucket_name)
    if not configuration:
        raise ReplicationConfigurationNotFoundError(bucket_name=response.bucket_name)
    rules = [_format_rule(rule) for rule in configuration["Rule"]]
    answer = {"ReplicationConfiguration": {"Role": configuration["Role"], "Rules": rules}}
    return response.serialized(ActionResult(answer))


def _format_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule as parsed from XML (all text, a single tag not in a list), in the API's types."""
    result = dict(rule)
    if "Filter" in result:
        result["Filter"] = _format_filter(result["Filter"] or {})
    if result.get("Priority") is not None:
        result["Priority"] = int(result["Priority"])
    destination = result["Destination"] = dict(result["Destination"])
    for part, key in (("ReplicationTime", "Time"), ("Metrics", "EventThreshold")):
        if part in destination and key in (destination[part] or {}):
            minutes = int(destination[part][key]["Minutes"])
            destination[part] = {**destination[part], key: {"Minutes": minutes}}
    return result


def _format_filter(rule_filter: dict[str, Any]) -> dict[str, Any]:
    if "And" in rule_filter:
        conditions = dict(rule_filter["And"])
        tags = _as_list(conditions.pop("Tag", []))
        return {"And": {**conditions, "Tags": tags}}
    return {"Prefix": "", **rule_filter} if "Tag" not in rule_filter else dict(rule_filter)
