"""The VPC, and the way out of it: NAT gateways or NAT instances."""

from typing import Final

from ops.core.checks import HOUR, Check, Facts, Finding, Item, Looking, by, known, read
from ops.core.metrics import METRICS, all_of, batched, metric

VPCS = "ec2.describe_vpcs"
GATEWAYS = "ec2.describe_nat_gateways"
INSTANCES = "ec2.describe_instances"
STATUS = "ec2.describe_instance_status"
REPAIR = "pulumi up --refresh"  # what is gone or broken is made again
# An address has 55,000 ports to a destination, and a gateway up to eight addresses (VPC User
# Guide, "NAT gateway basics").
FEWER: Final = "aws ec2 describe-nat-gateways --nat-gateway-ids {}"


def _filter(name: str, values: list[str]) -> list[Item]:
    """By filter and not by id: what is gone is then left out, and not an error for all."""
    return [{"Name": name, "Values": values}]


def vpc(facts: Facts) -> Looking:
    """The VPC is there and available."""
    wanted = facts.outputs.network.vpc_id
    (answer,) = yield [read(VPCS, "Vpcs", Filters=_filter("vpc-id", [wanted]))]
    state = next((v["State"] for v in known(answer)), "gone")
    if state == "available":
        return [Finding("ok", "network", wanted, state)]
    return [Finding("failing", "network", wanted, f"is {state}", REPAIR)]


def gateways(facts: Facts) -> Looking:
    """The NAT gateway of each zone is available."""
    wanted = facts.outputs.network.nat_gateways
    ids = _filter("nat-gateway-id", list(wanted.values()))
    (answer,) = yield [read(GATEWAYS, "NatGateways", Filters=ids)]
    found = by(known(answer), "NatGatewayId")
    findings = []
    for zone, name in wanted.items():
        gateway = found.get(name, {"State": "gone"})
        state, why = gateway["State"], gateway.get("FailureMessage")
        subject = f"NAT gateway of zone {zone}"
        if state == "available":
            findings.append(Finding("ok", "network", subject, f"{name} is available"))
            continue
        evidence = f"{name} is {state}" + (f": {why}" if why else "")
        evidence += f", nothing in zone {zone} reaches the internet"
        findings.append(Finding("failing", "network", subject, evidence, REPAIR))
    return findings


def ports(facts: Facts) -> Looking:
    """No NAT gateway had to refuse a connection in the last hour for want of a port.

    Where nothing went through a gateway it reports nothing: that is none refused.
    """
    wanted = facts.outputs.network.nat_gateways
    refused = {
        zone: metric("AWS/NATGateway", "ErrorPortAllocation", "Sum", period=300, NatGatewayId=name)
        for zone, name in wanted.items()
    }
    answers = yield batched(list(refused.values()), facts, HOUR)
    values = all_of(item for answer in answers for item in known(answer))
    counts = {zone: sum(values.get(one.id, ())) for zone, one in refused.items()}
    failing = [
        Finding(
            "failing",
            "network",
            f"NAT ports of zone {zone}",
            f"{count:.0f} connections were refused in the last hour for want of a port: too "
            "many go to one destination at once",
            FEWER.format(wanted[zone]),
        )
        for zone, count in counts.items()
        if count
    ]
    return failing or [Finding("ok", "network", "NAT ports", "no connection was refused")]


def instances(facts: Facts) -> Looking:
    """The NAT instance of each zone runs and passes both of EC2's status checks."""
    wanted = facts.outputs.network.nat_instances
    ids = list(wanted.values())
    answers = yield [
        read(INSTANCES, "Reservations", Filters=_filter("instance-id", ids)),
        read(
            STATUS,
            "InstanceStatuses",
            InstanceIds=ids,
            IncludeAllInstances=True,
            absent=("InvalidInstanceID.NotFound",),
        ),
    ]
    found = by([i for r in known(answers[0]) for i in r["Instances"]], "InstanceId")
    checked = by(known(answers[1]), "InstanceId")
    findings = []
    for zone, name in wanted.items():
        state = found[name]["State"]["Name"] if name in found else "gone"
        subject = f"NAT instance of zone {zone}"
        failed = [
            f"{kind} is {checked[name][key]['Status']}"
            for kind, key in (("system", "SystemStatus"), ("instance", "InstanceStatus"))
            if name in checked and checked[name][key]["Status"] not in ("ok", "initializing")
        ]
        if state == "running" and not failed:
            findings.append(Finding("ok", "network", subject, f"{name} is running"))
        else:
            evidence = "; ".join([f"{name} is {state}", *failed])
            findings.append(Finding("failing", "network", subject, evidence, REPAIR))
    return findings


CHECKS = (
    Check("network", "VPC", vpc, (VPCS,)),
    Check("network", "NAT gateways", gateways, (GATEWAYS,), lambda o: bool(o.network.nat_gateways)),
    Check("network", "NAT ports", ports, (METRICS,), lambda o: bool(o.network.nat_gateways)),
    Check(
        "network",
        "NAT instances",
        instances,
        (INSTANCES, STATUS),
        lambda o: bool(o.network.nat_instances),
    ),
)
