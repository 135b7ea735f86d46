"""Which database instance serves the stack now: nothing may delete it."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ops.core.aws import Aws
from ops.core.errors import CredentialsError, OpsError, UsageError
from ops.database.instance import find_instance, list_in_stack_region
from ops.database.instance_in_use import is_host_of_primary
from ops.outputs import Outputs


@dataclass(frozen=True)
class ServingDatabase:
    """How services reach the database: the stack's own name for it, and the secret's host.

    `host` is None if the secret could not be read or has none; `problem` then says why.
    """

    identifier: str
    host: str | None
    problem: str = ""

    def serves(self, identifier: str, address: str | None) -> bool | None:
        """Whether an instance serves; None if that is unknown."""
        if identifier == self.identifier:
            return True
        if self.host is None:
            return None
        # An instance's address begins with its identifier: RDS User Guide, "Finding the connection
        # information for an RDS for PostgreSQL DB instance".
        return self.host == address or self.host.partition(".")[0] == identifier


def find_serving_database(aws: Aws, outputs: Outputs) -> ServingDatabase:
    """What the stack's outputs and its secret say now."""
    try:
        host = json.loads(aws.get_secret(outputs.database.secret_arn)).get("host")
    except CredentialsError:
        raise
    except (OpsError, ValueError) as error:
        return ServingDatabase(outputs.database.identifier, None, str(error))
    if host is None:
        return ServingDatabase(outputs.database.identifier, None, "the secret has no host")
    return ServingDatabase(outputs.database.identifier, str(host))


def describe_other_host(
    outputs: Outputs, serving: ServingDatabase, serving_names: Sequence[str]
) -> str:
    """Says whom services are sent to unless that is the primary; empty if it is.

    `serving_names` are the instances beside the primary that the secret's host is of.
    """
    watched = outputs.database.identifier
    if serving.host is None:
        return f"which instance services are sent to is unknown: {serving.problem}"
    if is_host_of_primary(outputs, serving.host):
        return ""
    if not serving_names:
        return (
            f"services are sent to {serving.host}, which is not an instance of this stack, but "
            f"ops, alarms and dashboards watch {watched}"
        )
    return (
        f"services are sent to {serving_names[0]}, but ops, alarms and dashboards watch {watched}: "
        f"run `ops recover promote {serving_names[0]} --by rename` at a quiet time"
    )


def find_serving_instance(
    aws: Aws, outputs: Outputs, serving: ServingDatabase, known_identifiers: Collection[str]
) -> dict[str, Any] | None:
    """Describes the instance that the secret leads to, unless it is one of these or is gone."""
    if serving.host is None or serving.host == outputs.database.endpoint:
        return None
    identifier = serving.host.partition(".")[0]
    instances = list_in_stack_region(aws, outputs, "rds.describe_db_instances", "DBInstances", {})
    for description in instances:
        name = description["DBInstanceIdentifier"]
        is_host = (description.get("Endpoint") or {}).get("Address") == serving.host
        if name not in known_identifiers and (is_host or name == identifier):
            return dict(description)
    return None


def require_not_serving(
    aws: Aws, outputs: Outputs, identifier: str, option: str, value: str
) -> None:
    """Raises UsageError if services use an instance that would be deleted, or that is unknown.

    `option` and `value` are what was typed.
    """
    serving = find_serving_database(aws, outputs)
    instance = find_instance(aws, outputs, identifier)
    if instance is None:
        return
    serves = serving.serves(identifier, instance.address)
    if serves:
        raise UsageError(
            f"{option} is {value!r}, which would delete {identifier}: services use it now; "
            "promote another instance first",
            "ops recover list",
            "ops recover promote INSTANCE",
        )
    if serves is None:
        raise UsageError(
            f"{option} is {value!r}, which would delete {identifier}: whether services use it is "
            f"unknown ({serving.problem}); the stack's secret must be readable and name the host "
            "first",
            "ops recover list",
        )
