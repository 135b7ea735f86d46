"""Classic Load Balancers without instances: they cost by the hour and reach nobody."""

from typing import Final

from ops.core.checks import (
    CheckFacts,
    CheckRoutine,
    UnknownAnswerError,
    build_read,
    split_into_chunks,
)
from ops.core.counts import format_count
from ops.core.scaling_apis import AUTO_SCALING_GROUPS_API
from ops.core.stack_scope import list_stack_regions
from ops.cost.unused.findings import (
    MIN_AGE_DAYS,
    UnusedReport,
    UnusedResource,
    conclude,
    format_aws_line,
    get_age_days,
    guard_by_state,
)
from ops.cost.unused.network import MAX_TAGGED_BALANCERS
from ops.cost.unused.ownership import find_owner, parse_tags
from ops.prices.price_table import DEFAULT_PRICE_TABLE, HOURS

CLASSIC_BALANCERS_API: Final = "elb.describe_load_balancers"
CLASSIC_BALANCER_TAGS_API: Final = "elb.describe_tags"


def check_unused_classic_balancers(facts: CheckFacts) -> CheckRoutine:
    """No Classic Load Balancer is without instances.

    Trusted Advisor, "Idle Load Balancers": one without back-end instances. One that an Auto Scaling
    group names is kept: the group registers its next instance there.
    """
    report = UnusedReport("unused-classic-balancers", "classic load balancers")
    regions = list_stack_regions(facts.outputs.stack)
    answers = yield [
        read
        for region in regions
        for read in (
            build_read(CLASSIC_BALANCERS_API, "LoadBalancerDescriptions", region=region),
            build_read(AUTO_SCALING_GROUPS_API, "AutoScalingGroups", region=region),
        )
    ]
    for region, balancer_answer, group_answer in zip(
        regions, answers[::2], answers[1::2], strict=True
    ):
        balancers = report.read_items(balancer_answer, region)
        text = format_count(len(balancers), "classic load balancer")
        report.looked_at.append(f"{text} in {region}")
        empty = {
            str(balancer["LoadBalancerName"]): balancer
            for balancer in balancers
            if not balancer.get("Instances")
            and get_age_days(facts, balancer.get("CreatedTime")) >= MIN_AGE_DAYS
        }
        groups = report.read_items(group_answer, region)
        if isinstance(group_answer, UnknownAnswerError):
            continue  # who registers instances there is not known
        held = {str(name) for group in groups for name in group.get("LoadBalancerNames") or ()}
        if kept := sorted(held & set(empty)):
            report.kept.append(f"kept: {', '.join(kept)}, of an Auto Scaling group")
        names = [name for name in empty if name not in held]
        tag_answers = yield [
            build_read(
                CLASSIC_BALANCER_TAGS_API,
                "TagDescriptions",
                region=region,
                LoadBalancerNames=chunk,
            )
            for chunk in split_into_chunks(names, MAX_TAGGED_BALANCERS)
        ]
        for tag_answer in tag_answers:
            for item in report.read_items(tag_answer, region):
                name = str(item["LoadBalancerName"])
                owner = find_owner(parse_tags(item), facts.outputs.stack)
                delete = format_aws_line(
                    "elb", "delete-load-balancer", region, load_balancer_name=name
                )
                report.unused.append(
                    UnusedResource(
                        id=name,
                        owner=owner,
                        evidence=f"it has no instance, and no Auto Scaling group; in {region}",
                        command=guard_by_state(facts, owner, name, delete),
                        monthly_usd=DEFAULT_PRICE_TABLE.classic_load_balancer * HOURS,
                        since=str(empty[name].get("CreatedTime") or ""),
                        reason="Trusted Advisor, idle load balancers",
                    )
                )
    return (yield from conclude(facts, report))
