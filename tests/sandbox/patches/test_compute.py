"""ECS, Auto Scaling and load balancers in the sandbox."""

from typing import Any

import pytest

from sandbox.clock import ManualClock
from tests.sandbox.conftest import ClientFactory, RefusalGetter

CRON_SCHEDULE = "cron(0 6 * * ? *)"


class ComputePlace:
    """A VPC with two subnets, a load balancer in it, and a cluster."""

    def __init__(self, aws_client: ClientFactory) -> None:
        self.ec2, self.elb, self.ecs = aws_client("ec2"), aws_client("elbv2"), aws_client("ecs")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [self._create_subnet(number, zone) for number, zone in enumerate("ab")]
        self.group = self.ec2.create_security_group(
            GroupName="group", Description="d", VpcId=self.vpc
        )["GroupId"]
        self.ecs.create_cluster(clusterName="cluster", capacityProviders=["FARGATE"])
        container = {"name": "web", "image": "nginx", "memory": 128}
        self.ecs.register_task_definition(family="web", containerDefinitions=[container])

    def _create_subnet(self, number: int, zone: str) -> str:
        response = self.ec2.create_subnet(
            VpcId=self.vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"eu-north-1{zone}"
        )
        return str(response["Subnet"]["SubnetId"])

    def create_load_balancer(self) -> str:
        response = self.elb.create_load_balancer(
            Name="alb", Subnets=self.subnets, SecurityGroups=[self.group]
        )
        return str(response["LoadBalancers"][0]["LoadBalancerArn"])

    def create_target_group(self) -> str:
        response = self.elb.create_target_group(
            Name="web", Protocol="HTTP", Port=80, VpcId=self.vpc, TargetType="ip"
        )
        return str(response["TargetGroups"][0]["TargetGroupArn"])

    def create_service(self, **parameters: Any) -> dict[str, Any]:
        network = {"subnets": self.subnets, "securityGroups": [self.group]}
        response = self.ecs.create_service(
            cluster="cluster",
            serviceName="web",
            taskDefinition="web",
            desiredCount=2,
            networkConfiguration={"awsvpcConfiguration": network},
            **parameters,
        )
        service: dict[str, Any] = response["service"]
        return service

    def describe_service(self) -> dict[str, Any]:
        response = self.ecs.describe_services(cluster="cluster", services=["web"])["services"]
        service: dict[str, Any] = response[0]
        return service


@pytest.fixture
def compute_place(aws_client: ClientFactory) -> ComputePlace:
    return ComputePlace(aws_client)


FARGATE_STRATEGY = [{"capacityProvider": "FARGATE", "weight": 1, "base": 1}]


def test_a_service_is_described_with_what_it_was_given(compute_place: ComputePlace) -> None:
    deployment = {
        "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        "alarms": {"alarmNames": ["a"], "enable": True, "rollback": True},
    }
    parameters: dict[str, Any] = {
        "capacityProviderStrategy": FARGATE_STRATEGY,
        "enableExecuteCommand": True,
        "enableECSManagedTags": True,
        "healthCheckGracePeriodSeconds": 60,
        "availabilityZoneRebalancing": "ENABLED",
    }
    compute_place.create_service(**parameters, deploymentConfiguration=deployment)
    service = compute_place.describe_service()
    assert {key: service[key] for key in parameters} == parameters
    assert service["deploymentConfiguration"] == {
        **deployment,
        "minimumHealthyPercent": 100,
        "maximumPercent": 200,
    }
    assert "launchType" not in service


def test_tasks_start_and_the_deployment_completes(
    compute_place: ComputePlace, held_clock: ManualClock
) -> None:
    compute_place.create_service()
    before = compute_place.describe_service()
    assert (before["runningCount"], before["pendingCount"]) == (0, 2)
    assert before["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    held_clock.advance(300)
    after = compute_place.describe_service()
    assert (after["runningCount"], after["pendingCount"]) == (2, 0)
    assert after["deployments"][0]["rolloutState"] == "COMPLETED"


def test_an_update_starts_new_tasks(compute_place: ComputePlace, held_clock: ManualClock) -> None:
    compute_place.create_service()
    held_clock.advance(300)
    compute_place.ecs.update_service(cluster="cluster", service="web", desiredCount=4)
    assert compute_place.describe_service()["desiredCount"] == 4
    held_clock.advance(300)
    assert compute_place.describe_service()["deployments"][0]["runningCount"] == 4


def test_a_service_is_made_once(compute_place: ComputePlace, get_refusal: RefusalGetter) -> None:
    compute_place.create_service()
    assert "not idempotent" in get_refusal(compute_place.create_service)[1]


def test_a_capacity_provider_that_the_cluster_has_not_is_refused(
    compute_place: ComputePlace, get_refusal: RefusalGetter
) -> None:
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    code, message = get_refusal(compute_place.create_service, capacityProviderStrategy=strategy)
    assert code == "InvalidParameterException"
    assert "not associated with the cluster" in message


def test_a_target_group_without_a_load_balancer_is_refused(
    compute_place: ComputePlace, get_refusal: RefusalGetter
) -> None:
    target = compute_place.create_target_group()
    load_balancers = [{"targetGroupArn": target, "containerName": "web", "containerPort": 80}]
    assert (
        "does not have an associated load balancer"
        in get_refusal(compute_place.create_service, loadBalancers=load_balancers)[1]
    )
    action = {"Type": "forward", "TargetGroupArn": target}
    compute_place.elb.create_listener(
        LoadBalancerArn=compute_place.create_load_balancer(),
        Protocol="HTTP",
        Port=80,
        DefaultActions=[action],
    )
    compute_place.create_service(loadBalancers=load_balancers)


def test_a_cluster_with_services_is_not_deleted(
    compute_place: ComputePlace, get_refusal: RefusalGetter
) -> None:
    compute_place.create_service()
    code, _ = get_refusal(compute_place.ecs.delete_cluster, cluster="cluster")
    assert code == "ClusterContainsServicesException"
    compute_place.ecs.delete_service(cluster="cluster", service="web", force=True)
    compute_place.ecs.delete_cluster(cluster="cluster")


def test_cluster_settings_change_one_by_one(compute_place: ComputePlace) -> None:
    setting = {"name": "containerInsights", "value": "enhanced"}
    compute_place.ecs.update_cluster_settings(cluster="cluster", settings=[setting])
    cluster = compute_place.ecs.describe_clusters(clusters=["cluster"], include=["SETTINGS"])[
        "clusters"
    ][0]
    assert setting in cluster["settings"]


def test_a_scalable_target_has_tags_and_takes_its_policies_with_it(
    compute_place: ComputePlace, aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    compute_place.create_service()
    scaling = aws_client("application-autoscaling")
    where = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/cluster/web",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    response = scaling.register_scalable_target(
        **where, MinCapacity=1, MaxCapacity=2, Tags={"Owner": "platform"}
    )
    arn = response["ScalableTargetARN"]
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"Owner": "platform"}
    metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    scaling.put_scaling_policy(
        **where,
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 70,
            "PredefinedMetricSpecification": metric,
        },
    )
    scaling.put_scheduled_action(**where, ScheduledActionName="morning", Schedule=CRON_SCHEDULE)
    assert aws_client("cloudwatch").describe_alarms()["MetricAlarms"]
    scaling.deregister_scalable_target(**where)
    assert scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"] == []
    assert scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"] == []
    assert aws_client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert (
        get_refusal(scaling.list_tags_for_resource, ResourceARN=arn)[0]
        == "ResourceNotFoundException"
    )


def test_a_load_balancer_is_provisioned_then_active(
    compute_place: ComputePlace, held_clock: ManualClock
) -> None:
    arn = compute_place.create_load_balancer()

    def get_state() -> str:
        load_balancers = compute_place.elb.describe_load_balancers(LoadBalancerArns=[arn])[
            "LoadBalancers"
        ]
        return str(load_balancers[0]["State"]["Code"])

    assert get_state() == "provisioning"
    held_clock.advance(300)
    assert get_state() == "active"


def test_a_protected_load_balancer_is_not_deleted(
    compute_place: ComputePlace, get_refusal: RefusalGetter
) -> None:
    arn = compute_place.create_load_balancer()
    protection = {"Key": "deletion_protection.enabled", "Value": "true"}
    compute_place.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[protection])
    assert (
        get_refusal(compute_place.elb.delete_load_balancer, LoadBalancerArn=arn)[0]
        == "OperationNotPermitted"
    )
    compute_place.elb.modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[{**protection, "Value": "false"}]
    )
    compute_place.elb.delete_load_balancer(LoadBalancerArn=arn)


def test_an_auto_scaling_group_keeps_all_its_inputs(
    compute_place: ComputePlace, aws_client: ClientFactory
) -> None:
    scaling = aws_client("autoscaling")
    template = compute_place.ec2.create_launch_template(
        LaunchTemplateName="t",
        LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": "t4g.small"},
    )["LaunchTemplate"]["LaunchTemplateId"]
    specification = {"LaunchTemplateId": template, "Version": "1"}
    mixed = {"LaunchTemplateSpecification": specification}
    mixed["Overrides"] = [{"InstanceType": t} for t in ("t4g.small", "t4g.medium")]  # type: ignore[assignment]
    maintenance = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110}
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="fleet",
        MinSize=2,
        MaxSize=4,
        DesiredCapacity=2,
        VPCZoneIdentifier=",".join(compute_place.subnets),
        MixedInstancesPolicy={"LaunchTemplate": mixed},
        DefaultInstanceWarmup=180,
        InstanceMaintenancePolicy=maintenance,
        MaxInstanceLifetime=86_400 * 30,
    )
    scaling_group = scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert scaling_group["DefaultInstanceWarmup"] == 180
    assert scaling_group["InstanceMaintenancePolicy"] == maintenance
    assert scaling_group["MaxInstanceLifetime"] == 86_400 * 30
    assert len(scaling_group["Instances"]) == 2
    scaling.update_auto_scaling_group(AutoScalingGroupName="fleet", DefaultInstanceWarmup=60)
    scaling_group = scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert (scaling_group["DefaultInstanceWarmup"], scaling_group["MinSize"]) == (60, 2)


def test_a_scaling_policy_is_enabled(
    compute_place: ComputePlace, aws_client: ClientFactory
) -> None:
    test_an_auto_scaling_group_keeps_all_its_inputs(compute_place, aws_client)
    scaling = aws_client("autoscaling")
    metric = {"PredefinedMetricType": "ASGAverageCPUUtilization"}
    scaling.put_scaling_policy(
        AutoScalingGroupName="fleet",
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={"PredefinedMetricSpecification": metric, "TargetValue": 70},
    )
    scaling_policy = scaling.describe_policies()["ScalingPolicies"][0]
    assert scaling_policy["Enabled"] is True
    assert "PredictiveScalingConfiguration" not in scaling_policy


def test_a_lifecycle_hook_has_no_target_by_default(
    compute_place: ComputePlace, aws_client: ClientFactory
) -> None:
    test_an_auto_scaling_group_keeps_all_its_inputs(compute_place, aws_client)
    scaling = aws_client("autoscaling")
    scaling.put_lifecycle_hook(
        AutoScalingGroupName="fleet",
        LifecycleHookName="drain",
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
    )
    lifecycle_hook = scaling.describe_lifecycle_hooks(AutoScalingGroupName="fleet")[
        "LifecycleHooks"
    ][0]
    assert "NotificationTargetARN" not in lifecycle_hook
    assert "RoleARN" not in lifecycle_hook
