"""A stage with a cache and what can reach it."""

import json
from typing import Final

from moto.elasticache.models import elasticache_backends

from ops.outputs import CachePart
from sandbox.cache_server import CacheStore
from sandbox.patches.elasticache.replication_groups import get_cache_stores
from tests.ops import fleet_stage, metric_stage, service_stage
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, Stage

LOG_GROUP: Final = "/bulwark/test/services/backend"


def put_available_cache(stage: Stage) -> None:
    """A cache that has been created."""
    metric_stage.put_cache(stage)
    stage.clock.sleep(3600)


def put_cache_and_service(stage: Stage) -> None:
    """A cache, and one service with ECS Exec."""
    metric_stage.put_cache(stage)
    service_stage.put_only_exec_service(stage)


def put_cache_and_fleet(stage: Stage) -> None:
    """A cache in a stack whose only compute is a fleet of one instance."""
    metric_stage.put_cache(stage)
    fleet_stage.put_fleet_only(stage)


def put_clearable_cache(stage: Stage) -> None:
    """A cache with TLS, a token and keys, and a service that uses it."""
    identifier, token = f"{STACK_PREFIX}-cache", "token-12345678901234567890"
    elasticache = stage.client("elasticache")
    elasticache.create_replication_group(
        ReplicationGroupId=identifier,
        ReplicationGroupDescription="cache",
        Engine="redis",
        CacheNodeType="cache.t4g.small",
        NumCacheClusters=2,
        AutomaticFailoverEnabled=True,
        TransitEncryptionEnabled=True,
        AuthToken=token,
    )
    stage.clock.sleep(3600)
    group = elasticache.describe_replication_groups(ReplicationGroupId=identifier)
    endpoint = group["ReplicationGroups"][0]["NodeGroups"][0]["PrimaryEndpoint"]
    secret = stage.client("secretsmanager").create_secret(
        Name=f"{identifier}-credentials", SecretString=json.dumps({"token": token})
    )
    cache = CachePart(
        identifier=identifier,
        arn=f"arn:aws:elasticache:{REGION}:{ACCOUNT}:replicationgroup:{identifier}",
        engine="redis",
        primary_endpoint=endpoint["Address"],
        reader_endpoint=endpoint["Address"],
        port=endpoint["Port"],
        secret_arn=secret["ARN"],
        security_group_id="sg-cache",
    )
    stage.outputs = stage.outputs.model_copy(update={"cache": cache})
    get_store().put(*(f"session:{number}" for number in range(1200)), "page:1", "page:2")
    get_store().put("session:z", database=3)
    put_service_with_cache(stage)


def get_store() -> CacheStore:
    """What the cache of the stage holds."""
    return get_cache_stores(elasticache_backends[ACCOUNT][REGION])[f"{STACK_PREFIX}-cache"]


def put_service_with_cache(stage: Stage) -> None:
    """The backend, whose container reads the token, and the log group that it writes to."""
    cache, services = stage.outputs.cache, stage.outputs.services
    assert cache is not None
    assert services is not None
    stage.client("logs").create_log_group(logGroupName=LOG_GROUP)
    ecs = stage.client("ecs")
    ecs.create_cluster(clusterName=services.cluster)
    definition = ecs.register_task_definition(
        family=f"{STACK_PREFIX}-backend",
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        runtimePlatform={"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        executionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/{STACK_PREFIX}-services-backend-execution",
        containerDefinitions=[
            {
                "name": "backend",
                "image": service_stage.FIRST_IMAGE,
                "memory": 256,
                "secrets": [{"name": "CACHE_TOKEN", "valueFrom": f"{cache.secret_arn}:token::"}],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {"awslogs-group": LOG_GROUP, "awslogs-region": REGION},
                },
            }
        ],
    )["taskDefinition"]["taskDefinitionArn"]
    ec2 = stage.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="tasks", Description="x", VpcId=vpc)["GroupId"]
    ecs.create_service(
        cluster=services.cluster,
        serviceName="backend",
        desiredCount=2,
        launchType="FARGATE",
        taskDefinition=definition,
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": [subnet],
                "securityGroups": [group],
                "assignPublicIp": "DISABLED",
            }
        },
    )
    backend_only = services.model_copy(
        update={"services": {"backend": services.services["backend"]}}
    )
    stage.outputs = stage.outputs.model_copy(update={"services": backend_only})
    stage.clock.sleep(3600)
