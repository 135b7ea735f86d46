"""The account that the stack lives in, from Pulumi's own invokes."""

from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Output


@dataclass(frozen=True)
class Account:
    """Account id and partition: what an ARN needs beside its region."""

    id: Output[str]
    partition: Output[str]

    @staticmethod
    def get_current() -> "Account":
        """The account of the provider's credentials."""
        return Account(
            id=aws.get_caller_identity_output().account_id,
            partition=aws.get_partition_output().partition,
        )

    def format_arn(self, service: str, *, region: str, resource: str) -> Output[str]:
        """An ARN in this account, e.g. arn("logs", "eu-north-1", "log-group:/x:*")."""
        return Output.format(
            "arn:{0}:{1}:{2}:{3}:{4}", self.partition, service, region, self.id, resource
        )
