"""Pages of the AWS console."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from ops.outputs import Outputs

# The consoles of the partitions other than `aws`.
CONSOLE_DOMAINS: Final[Mapping[str, str]] = {
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-cn": "console.amazonaws.cn",
}


def build_console_address(outputs: Outputs) -> str:
    """The address of the console in the stack's region, without a slash at its end."""
    partition = outputs.database.arn.split(":")[1]
    domain = CONSOLE_DOMAINS.get(partition, "console.aws.amazon.com")
    return f"https://{outputs.stack.region}.{domain}"


def build_cloudwatch_link(outputs: Outputs, fragment: str) -> str:
    """A page of CloudWatch's console; `fragment` is what follows its #."""
    region = outputs.stack.region
    return f"{build_console_address(outputs)}/cloudwatch/home?region={region}#{fragment}"


def build_dashboard_link(outputs: Outputs, name: str) -> str | None:
    """The page of the dashboard of that name (`database`, ...); None if the stack has none."""
    dashboards = outputs.dashboards.dashboards if outputs.dashboards is not None else {}
    if name not in dashboards:
        return None
    return build_cloudwatch_link(outputs, f"dashboards/dashboard/{dashboards[name]}")


def build_log_group_link(outputs: Outputs, group: str) -> str:
    """The page of a log group. The console encodes the name twice, with $ for %: seen in its
    addresses, undocumented."""
    name = quote(quote(group, safe=""), safe="").replace("%", "$")
    return build_cloudwatch_link(outputs, f"logsV2:log-groups/log-group/{name}")


def build_bucket_link(outputs: Outputs, bucket: str) -> str:
    """The page of a bucket."""
    return f"{build_console_address(outputs)}/s3/buckets/{bucket}"


def build_alarm_link(outputs: Outputs, name: str) -> str:
    """The page of an alarm, as links in CloudWatch's own mails have it."""
    return build_cloudwatch_link(outputs, f"alarmsV2:alarm/{quote(name, safe='')}")


def build_service_link(outputs: Outputs, cluster: str, name: str) -> str:
    """The page of a service, as its address bar has it; AWS documents none."""
    return (
        f"{build_console_address(outputs)}/ecs/v2/clusters/{cluster}/services/{name}/health"
        f"?region={outputs.stack.region}"
    )


def build_database_link(outputs: Outputs, identifier: str | None = None) -> str:
    """The page of an instance in RDS's console, or of the primary, as its address bar has it; AWS
    documents none."""
    return (
        f"{build_console_address(outputs)}/rds/home?region={outputs.stack.region}"
        f"#database:id={identifier or outputs.database.identifier};is-cluster=false"
    )
