"""Pages of the AWS console."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from ops.outputs import CachePart, FleetPart, LoadBalancerPart, Outputs

# The consoles of the partitions other than `aws`.
CONSOLE_DOMAINS: Final[Mapping[str, str]] = {
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-cn": "console.amazonaws.cn",
}


def build_console_address(outputs: Outputs) -> str:
    """The address of the console in the stack's region, without a slash at its end."""
    return build_region_console_address(outputs, outputs.stack.region)


def build_region_console_address(outputs: Outputs, region: str) -> str:
    """The same in another region."""
    partition = outputs.database.arn.split(":")[1]
    domain = CONSOLE_DOMAINS.get(partition, "console.aws.amazon.com")
    return f"https://{region}.{domain}"


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


def build_cache_link(outputs: Outputs, cache: CachePart) -> str:
    """The page of the cache in ElastiCache's console, as its address bar has it; undocumented."""
    region, engine = outputs.stack.region, cache.engine
    page = f"elasticache/home?region={region}#/{engine}/{cache.identifier}"
    return f"{build_console_address(outputs)}/{page}"


def build_alarms_link(outputs: Outputs) -> str:
    """The list of alarms, as its address bar has it; AWS documents none."""
    return build_cloudwatch_link(outputs, "alarmsV2:")


def build_cluster_link(outputs: Outputs, cluster: str) -> str:
    """The services of a cluster, as its address bar has it; AWS documents none."""
    region = outputs.stack.region
    return f"{build_console_address(outputs)}/ecs/v2/clusters/{cluster}/services?region={region}"


def build_load_balancer_link(outputs: Outputs, load_balancer: LoadBalancerPart) -> str:
    """The page of the load balancer, as its address bar has it; AWS documents none."""
    return _build_ec2_link(outputs, f"LoadBalancer:loadBalancerArn={load_balancer.arn}")


def build_fleet_link(outputs: Outputs, fleet: FleetPart) -> str:
    """The page of the Auto Scaling group, as its address bar has it; AWS documents none."""
    return _build_ec2_link(outputs, f"AutoScalingGroupDetails:id={fleet.group};view=details")


def build_network_link(outputs: Outputs) -> str:
    """The page of the VPC, as its address bar has it; AWS documents none."""
    page = f"vpcconsole/home?region={outputs.stack.region}#VpcDetails:VpcId="
    return f"{build_console_address(outputs)}/{page}{outputs.network.vpc_id}"


def build_vault_link(outputs: Outputs, vault: str) -> str:
    """The page of a backup vault, as its address bar has it; AWS documents none."""
    page = f"backup/home?region={outputs.stack.region}#/backupvaults/details/{vault}"
    return f"{build_console_address(outputs)}/{page}"


def build_certificate_link(outputs: Outputs, arn: str) -> str:
    """The page of a certificate of ACM, as its address bar has it; AWS documents none."""
    page = f"acm/home?region={outputs.stack.region}#/certificates/{arn.rpartition('/')[2]}"
    return f"{build_console_address(outputs)}/{page}"


def _build_ec2_link(outputs: Outputs, fragment: str) -> str:
    return f"{build_console_address(outputs)}/ec2/home?region={outputs.stack.region}#{fragment}"
