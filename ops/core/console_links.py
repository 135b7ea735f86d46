"""Pages of the AWS console."""

from collections.abc import Mapping
from typing import Final

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


def build_database_link(outputs: Outputs) -> str:
    """The page of the primary in RDS's console, as its address bar has it; AWS documents none."""
    return (
        f"{build_console_address(outputs)}/rds/home?region={outputs.stack.region}"
        f"#database:id={outputs.database.identifier};is-cluster=false"
    )
