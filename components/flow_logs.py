"""Flow logs of the VPC: to CloudWatch, to the stack's bucket of logs, to both or to none."""

from dataclasses import dataclass
from typing import Final

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.account import Account
from components.component import Component
from components.logs import create_log_group
from components.policies import Statement, create_service_role
from components.settings import Settings

AGGREGATION_SECONDS: Final = 60  # seconds; the other choice is 600


@dataclass(frozen=True, kw_only=True)
class FlowLogsArgs:
    """`bucket_arn` is the bucket of logs, for the destination `s3`."""

    settings: Settings
    account: Account
    vpc_id: Input[str]
    kms_key: Input[str] | None
    bucket_arn: Input[str] | None


class FlowLogs(Component):
    """`bulwark:index:FlowLogs`: all traffic, accepted and rejected, minute by minute (EC2.6).

    Children: `{name}-cloudwatch` (flow log, log group, role and its policy), `{name}-s3`.
    """

    log_group: Output[str] | None = None

    def __init__(
        self, name: str, *, args: FlowLogsArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("FlowLogs", name, settings=args.settings, opts=opts)
        destinations = self.settings.network.flow_logs
        if "cloudwatch" in destinations:
            self.log_group = self._create_cloudwatch_flow_log(args)
        if "s3" in destinations and args.bucket_arn is not None:
            self._create_bucket_flow_log(args.vpc_id, args.bucket_arn)
        self.register_outputs({"logGroup": self.log_group})

    def _create_cloudwatch_flow_log(self, args: FlowLogsArgs) -> Output[str]:
        account, region = args.account, self.settings.region
        log_group_name = f"/{self.settings.project}/{self.settings.stack}/flow-logs"
        log_group = create_log_group(self, "cloudwatch", name=log_group_name, kms_key=args.kms_key)
        role = create_service_role(
            self,
            "cloudwatch",
            service="vpc-flow-logs.amazonaws.com",
            account=account,
            statements=[
                Statement(
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[Output.concat(log_group.arn, ":*")],
                ),
                Statement(
                    actions=["logs:DescribeLogGroups", "logs:DescribeLogStreams"],
                    resources=[account.format_arn("logs", region=region, resource="log-group:*")],
                ),
            ],
            # Nobody else's flow log may write with this role ("confused deputy").
            source_arn=account.format_arn("ec2", region=region, resource="vpc-flow-log/*"),
        )
        aws.ec2.FlowLog(
            self.format_logical_name("cloudwatch"),
            vpc_id=args.vpc_id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=log_group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=AGGREGATION_SECONDS,
            opts=self.child_options,
        )
        return log_group.name

    def _create_bucket_flow_log(self, vpc_id: Input[str], bucket_arn: Input[str]) -> None:
        """Below AWSLogs/{account}/vpcflowlogs/: the bucket's policy lets them write there."""
        aws.ec2.FlowLog(
            self.format_logical_name("s3"),
            vpc_id=vpc_id,
            traffic_type="ALL",
            log_destination_type="s3",
            log_destination=bucket_arn,
            max_aggregation_interval=AGGREGATION_SECONDS,
            destination_options={"file_format": "parquet"},
            opts=self.child_options,
        )
