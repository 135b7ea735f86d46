"""The names in a stack's policies, from its outputs or from its program."""

from dataclasses import dataclass, fields

from ops.outputs import Outputs


@dataclass(frozen=True, kw_only=True)
class StackNames:
    """Values for the ARN templates in resources.py. None means the stack lacks it."""

    partition: str
    account: str
    region: str
    project: str
    stack: str
    bucket: str
    recovery_region: str | None = None
    data_key: str | None = None
    logs_key: str | None = None
    recovery_key: str | None = None
    zone: str | None = None

    @property
    def values(self) -> dict[str, str]:
        """The names that are set, plus the prefix of the stack's resource names."""
        field_values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {k: v for k, v in field_values.items() if v} | {
            "prefix": f"{self.project}-{self.stack}"
        }


def build_stack_names(outputs: Outputs) -> StackNames:
    """Builds the names of a stack from its outputs."""
    stack, load_balancer = outputs.stack, outputs.load_balancer
    return StackNames(
        partition=outputs.database.arn.split(":")[1],
        account=stack.account,
        region=stack.region,
        project=stack.project,
        stack=stack.stack,
        bucket=outputs.backups.operations_bucket,
        recovery_region=stack.recovery_region,
        data_key=stack.data_key_arn,
        logs_key=stack.logs_key_arn,
        recovery_key=stack.recovery_key_arn,
        zone=load_balancer.zone_id if load_balancer else None,
    )


# The longest names that a stack may have, to check policy sizes.
LONGEST_STACK_NAMES = StackNames(
    partition="aws-us-gov",
    account="123456789012",
    region="us-gov-northwest-1",
    project="p" * 12,
    stack="s" * 11,
    bucket="b" * 63,
    recovery_region="us-gov-northwest-2",
    data_key=f"arn:aws-us-gov:kms:us-gov-northwest-1:123456789012:key/{'k' * 36}",
    logs_key=f"arn:aws-us-gov:kms:us-gov-northwest-1:123456789012:key/{'l' * 36}",
    recovery_key=f"arn:aws-us-gov:kms:us-gov-northwest-2:123456789012:key/{'k' * 36}",
    zone="Z" * 32,
)
