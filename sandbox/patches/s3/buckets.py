"""S3: replication rules as they were given, who may deliver access logs, and quicker calls."""

import json
from types import ModuleType
from typing import Any

from moto.core.responses import ActionResult
from moto.s3 import urls
from moto.s3.exceptions import ReplicationConfigurationNotFoundError
from moto.s3.models import FakeBucket, S3Backend
from moto.s3.responses import S3Response

from sandbox.patches.patching import Mend

mend = Mend()
LOGGING = "logging.s3.amazonaws.com"


@mend.around(S3Backend, "_url_module")
def read_once(_original: Any, _backend: S3Backend) -> ModuleType:
    """moto reads the module again at each call, for endpoints that are set while it runs."""
    return urls


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@mend.around(FakeBucket, "_log_permissions_enabled_policy")
def logs_allowed(_original: Any, target_bucket: FakeBucket, target_prefix: str | None) -> bool:
    """Whether the target's policy lets S3 write logs. moto reads one exact spelling only."""
    if not target_bucket.policy:
        return False
    arn = f"arn:{target_bucket.partition}:s3:::{target_bucket.name}"
    wide_enough = {"*", f"{arn}/*", f"{arn}/{target_prefix or ''}*"}
    for statement in _listed(json.loads(target_bucket.policy)["Statement"]):
        principal = statement.get("Principal", {})
        services = _listed(principal.get("Service", [])) if isinstance(principal, dict) else []
        resources = set(_listed(statement.get("Resource", [])))
        actions = {"s3:PutObject", "s3:Put*", "s3:*"} & set(_listed(statement.get("Action", [])))
        granted = statement["Effect"] == "Allow" and LOGGING in services and actions
        if granted and any(r in wide_enough or _covers(r, arn, target_prefix) for r in resources):
            return True
    return False


def _covers(resource: str, arn: str, prefix: str | None) -> bool:
    """Whether a resource like arn:aws:s3:::logs/s3/* takes in everything under the prefix."""
    return resource.endswith("*") and f"{arn}/{prefix or ''}".startswith(resource[:-1])


@mend.around(S3Response, "get_bucket_replication")
def get_replication(_original: Any, response: S3Response) -> Any:
    """moto answers every rule with no filter and no replication of deletions."""
    response.data["Action"] = "GetBucketReplication"
    found = response.backend.get_bucket_replication(response.bucket_name)
    if not found:
        raise ReplicationConfigurationNotFoundError(bucket_name=response.bucket_name)
    rules = [_rule(rule) for rule in found["Rule"]]
    answer = {"ReplicationConfiguration": {"Role": found["Role"], "Rules": rules}}
    return response.serialized(ActionResult(answer))


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule as parsed from XML (all text, a single tag not in a list), in the API's types."""
    result = dict(rule)
    if "Filter" in result:
        result["Filter"] = _filter(result["Filter"] or {})
    if result.get("Priority") is not None:
        result["Priority"] = int(result["Priority"])
    destination = result["Destination"] = dict(result["Destination"])
    for part, key in (("ReplicationTime", "Time"), ("Metrics", "EventThreshold")):
        if part in destination and key in (destination[part] or {}):
            minutes = int(destination[part][key]["Minutes"])
            destination[part] = {**destination[part], key: {"Minutes": minutes}}
    return result


def _filter(given: dict[str, Any]) -> dict[str, Any]:
    if "And" in given:
        both = dict(given["And"])
        tags = _listed(both.pop("Tag", []))
        return {"And": {**both, "Tags": tags}}
    return {"Prefix": "", **given} if "Tag" not in given else dict(given)
