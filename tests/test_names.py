"""Every name fits into AWS, for the longest names that the settings take."""

import contextlib
import re
import runpy
from functools import cache
from typing import Any

import pytest
from pydantic import JsonValue

from sandbox.program import PROJECT_ROOT, ResourceGraph, load_stack_config, run_program
from tests.world import AwsMocks

LONGEST_PREFIX = "s" * 18  # a service's name may have 20 characters
LONGEST_SETTINGS: dict[str, JsonValue] = {
    "compute": "both",
    "cache": {"enabled": True},
    "database": {"replicas": 1},
    "services": {f"{LONGEST_PREFIX}-a": {"paths": ["/api/*"]}, f"{LONGEST_PREFIX}-b": {}},
}
SUFFIX_LENGTH = 8  # a hyphen and the seven digits that Pulumi puts behind a logical name
# By type: where its name stands (None: Pulumi makes it), the longest, and of what it is made.
# Sources: the API reference of each service, "Create..." and its name's constraints.
NAME_LIMITS: dict[str, tuple[str | None, int, str]] = {
    "aws:autoscaling/group:Group": ("name", 255, r"[\w-]+"),
    "aws:autoscaling/policy:Policy": ("name", 255, r"[\w-]+"),
    "aws:backup/plan:Plan": ("name", 50, r"[\w.-]+"),
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": ("name", 50, r"\w+"),
    "aws:backup/restoreTestingSelection:RestoreTestingSelection": ("name", 50, r"\w+"),
    "aws:backup/selection:Selection": ("name", 50, r"[\w.-]+"),
    "aws:backup/vault:Vault": ("name", 50, r"[\w-]{2,}"),
    "aws:budgets/budget:Budget": ("name", 100, r"[^:\\\\]+"),
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor": ("name", 1024, r".+"),
    "aws:costexplorer/anomalySubscription:AnomalySubscription": ("name", 1024, r".+"),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": ("alarmName", 255, r"[\w-]+"),
    "aws:cloudwatch/dashboard:Dashboard": ("dashboardName", 255, r"[\w-]+"),
    "aws:cloudwatch/eventRule:EventRule": ("name", 64, r"[\w.-]+"),
    "aws:cloudwatch/logGroup:LogGroup": ("name", 512, r"[\w./#-]+"),
    "aws:cloudwatch/queryDefinition:QueryDefinition": ("name", 255, r"[\w./-]+"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("name", 255, r"[\w-]+"),
    "aws:ec2/launchTemplate:LaunchTemplate": ("namePrefix", 128 - 26, r"[\w-]{3,}"),
    "aws:ec2/securityGroup:SecurityGroup": ("namePrefix", 255 - 26, r"(?!sg-)[\w-]+"),
    "aws:ecr/repository:Repository": ("name", 256, r"[a-z0-9]+([._/-][a-z0-9]+)*"),
    "aws:ecs/cluster:Cluster": ("name", 255, r"[\w-]+"),
    "aws:ecs/service:Service": ("name", 255, r"[\w-]+"),
    "aws:ecs/taskDefinition:TaskDefinition": ("family", 255, r"[\w-]+"),
    "aws:elasticache/parameterGroup:ParameterGroup": ("name", 255, r"[a-z](-?[a-z0-9])*"),
    "aws:elasticache/replicationGroup:ReplicationGroup": (
        "replicationGroupId",
        40,
        r"[a-z](-?[a-z0-9])*",
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": ("name", 255, r"[a-z](-?[a-z0-9])*"),
    "aws:iam/instanceProfile:InstanceProfile": ("name", 128, r"[\w+=,.@-]+"),
    "aws:iam/policy:Policy": ("name", 128, r"[\w+=,.@-]+"),
    "aws:iam/role:Role": ("name", 64, r"[\w+=,.@-]+"),
    "aws:iam/rolePolicy:RolePolicy": (None, 128, r"[\w+=,.@-]+"),
    "aws:kms/alias:Alias": ("name", 256, r"alias/(?!aws)[\w/-]+"),
    "aws:lambda/function:Function": ("name", 64, r"[\w-]+"),
    "aws:lb/loadBalancer:LoadBalancer": ("name", 32, r"(?!internal-)[a-zA-Z0-9](-?[a-zA-Z0-9])*"),
    "aws:lb/targetGroup:TargetGroup": (None, 32, r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"),
    "aws:rds/eventSubscription:EventSubscription": ("name", 255, r"[a-z](-?[a-z0-9])*"),
    "aws:rds/instance:Instance": ("identifier", 63, r"[a-z](-?[a-z0-9])*"),
    "aws:rds/parameterGroup:ParameterGroup": ("namePrefix", 255 - 26, r"[a-z](-?[a-z0-9])*-"),
    "aws:rds/subnetGroup:SubnetGroup": ("name", 255, r"[a-z0-9._ -]+"),
    "aws:s3/bucket:Bucket": ("bucket", 63, r"[a-z0-9](-?[a-z0-9])*"),
    "aws:secretsmanager/secret:Secret": ("namePrefix", 512 - 26, r"[\w/+=.@-]+"),
    "aws:sns/topic:Topic": ("name", 256, r"[\w-]+"),
    "aws:ssm/association:Association": ("associationName", 128, r"[\w.-]{3,}"),
    "aws:ssm/parameter:Parameter": ("name", 1011, r"(/[\w.-]+){1,15}"),
    "aws:ssm/patchBaseline:PatchBaseline": ("name", 128, r"[\w.-]{3,}"),
    "aws:wafv2/webAcl:WebAcl": ("name", 128, r"[\w-]+"),
}
# Types that have a name, which nobody but the stack itself sees.
TYPES_NAMED_IN_STACK_ONLY = {
    "aws:appautoscaling/",
    "aws:route53/",
    "aws:ec2/",
    "aws:acm/",
    "random:",
}


@cache
def build_longest_graph() -> ResourceGraph:
    """prod with everything, for a stack with the longest name that the settings take."""
    project, config = load_stack_config("prod", LONGEST_SETTINGS)
    with contextlib.chdir(PROJECT_ROOT):
        return run_program(
            lambda: _discard_globals(runpy.run_path(str(PROJECT_ROOT / "__main__.py"))),
            AwsMocks(),
            project=project,
            stack="s" * 16,
            config=config,
        )


def _discard_globals(_: object) -> None:
    """The program's globals are of no use."""


@pytest.mark.parametrize("type_", sorted(NAME_LIMITS))
def test_a_name_is_one_that_aws_takes(type_: str) -> None:
    key, longest, pattern = NAME_LIMITS[type_]
    resources = build_longest_graph().list_resources(type_)
    assert resources
    for resource in resources:
        name: Any = resource.inputs.get(key) if key else None
        name = name or f"{resource.name}-{'a' * (SUFFIX_LENGTH - 1)}"
        assert len(name) <= longest, resource.urn
        assert re.fullmatch(pattern, name), resource.urn


def test_every_type_with_a_name_is_in_the_table() -> None:
    for resource in build_longest_graph():
        name_keys = {"name", "namePrefix"} & resource.inputs.keys()
        if (
            resource.custom
            and name_keys
            and not resource.type.startswith(tuple(TYPES_NAMED_IN_STACK_ONLY))
        ):
            assert resource.type in NAME_LIMITS, resource.urn
