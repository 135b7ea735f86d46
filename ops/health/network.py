"""The VPC, and the way out of it: NAT gateways or NAT instances."""

from typing import Final

from components.facts.units import HOUR_SECONDS
from ops.core.checks import (
    REPAIR_COMMAND,
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ResponseItem,
    build_read,
    get_answer_items,
    index_by,
)
from ops.core.metrics import (
    build_metric_query,
    build_metric_reads,
    collect_metric_values,
)

VPCS_API = "ec2.describe_vpcs"
NAT_GATEWAYS_API = "ec2.describe_nat_gateways"
EC2_INSTANCES_API = "ec2.describe_instances"
INSTANCE_STATUS_API = "ec2.describe_instance_status"
# An address has 55,000 ports to a destination, and a gateway up to eight addresses (VPC User
# Guide, "NAT gateway basics").
NAT_GATEWAY_COMMAND_FORMAT: Final = "aws ec2 describe-nat-gateways --nat-gateway-ids {}"


def _build_filters(name: str, values: list[str]) -> list[ResponseItem]:
    """Builds a filter. With ids instead, one that is gone would be an error for all."""
    return [{"Name": name, "Values": values}]


def check_vpc(facts: CheckFacts) -> CheckRoutine:
    """The VPC is there and available."""
    vpc_id = facts.outputs.network.vpc_id
    (answer,) = yield [build_read(VPCS_API, "Vpcs", Filters=_build_filters("vpc-id", [vpc_id]))]
    state = next((item["State"] for item in get_answer_items(answer)), "gone")
    if state == "available":
        return [CheckFinding("ok", "network", vpc_id, state)]
    return [CheckFinding("failing", "network", vpc_id, f"is {state}", REPAIR_COMMAND)]


def check_nat_gateways(facts: CheckFacts) -> CheckRoutine:
    """The NAT gateway of each zone is available."""
    gateway_ids = facts.outputs.network.nat_gateways
    filters = _build_filters("nat-gateway-id", list(gateway_ids.values()))
    (answer,) = yield [build_read(NAT_GATEWAYS_API, "NatGateways", Filters=filters)]
    gateways_by_id = index_by(get_answer_items(answer), "NatGatewayId")
    findings = []
    for zone, gateway_id in gateway_ids.items():
        gateway = gateways_by_id.get(gateway_id, {"State": "gone"})
        state, reason = gateway["State"], gateway.get("FailureMessage")
        subject = f"NAT gateway of zone {zone}"
        if state == "available":
            findings.append(CheckFinding("ok", "network", subject, f"{gateway_id} is available"))
            continue
        evidence = f"{gateway_id} is {state}" + (f": {reason}" if reason else "")
        evidence += f", nothing in zone {zone} reaches the internet"
        findings.append(CheckFinding("failing", "network", subject, evidence, REPAIR_COMMAND))
    return findings


def check_nat_ports(facts: CheckFacts) -> CheckRoutine:
    """No NAT gateway refused a connection in the last hour because it had no free port.

    No data means no traffic, hence no refused connections.
    """
    gateway_ids = facts.outputs.network.nat_gateways
    metrics_by_zone = {
        zone: build_metric_query(
            "AWS/NATGateway", "ErrorPortAllocation", "Sum", period=300, NatGatewayId=gateway_id
        )
        for zone, gateway_id in gateway_ids.items()
    }
    answers = yield build_metric_reads(list(metrics_by_zone.values()), facts, HOUR_SECONDS)
    values_by_id = collect_metric_values(
        item for answer in answers for item in get_answer_items(answer)
    )
    counts = {
        zone: sum(values_by_id.get(port_metric.id, ()))
        for zone, port_metric in metrics_by_zone.items()
    }
    findings = [
        CheckFinding(
            "failing",
            "network",
            f"NAT ports of zone {zone}",
            f"{count:.0f} connections were refused in the last hour because no port was free: too "
            "many go to one destination at once",
            NAT_GATEWAY_COMMAND_FORMAT.format(gateway_ids[zone]),
        )
        for zone, count in counts.items()
        if count
    ]
    return findings or [CheckFinding("ok", "network", "NAT ports", "no connection was refused")]


def check_nat_instances(facts: CheckFacts) -> CheckRoutine:
    """The NAT instance of each zone runs and passes both of EC2's status checks."""
    instance_ids = facts.outputs.network.nat_instances
    id_list = list(instance_ids.values())
    answers = yield [
        build_read(
            EC2_INSTANCES_API, "Reservations", Filters=_build_filters("instance-id", id_list)
        ),
        build_read(
            INSTANCE_STATUS_API,
            "InstanceStatuses",
            InstanceIds=id_list,
            IncludeAllInstances=True,
            absent_codes=("InvalidInstanceID.NotFound",),
        ),
    ]
    instances_by_id = index_by(
        [
            instance
            for reservation in get_answer_items(answers[0])
            for instance in reservation["Instances"]
        ],
        "InstanceId",
    )
    statuses_by_id = index_by(get_answer_items(answers[1]), "InstanceId")
    findings = []
    for zone, instance_id in instance_ids.items():
        state = (
            instances_by_id[instance_id]["State"]["Name"]
            if instance_id in instances_by_id
            else "gone"
        )
        subject = f"NAT instance of zone {zone}"
        problems = [
            f"{kind} is {statuses_by_id[instance_id][key]['Status']}"
            for kind, key in (("system", "SystemStatus"), ("instance", "InstanceStatus"))
            if instance_id in statuses_by_id
            and statuses_by_id[instance_id][key]["Status"] not in ("ok", "initializing")
        ]
        if state == "running" and not problems:
            findings.append(CheckFinding("ok", "network", subject, f"{instance_id} is running"))
        else:
            evidence = "; ".join([f"{instance_id} is {state}", *problems])
            findings.append(CheckFinding("failing", "network", subject, evidence, REPAIR_COMMAND))
    return findings
