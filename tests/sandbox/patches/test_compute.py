"""ECS, Auto Scaling and load balancers in the sandbox."""

from typing import Any

import pytest

from sandbox.clock import ManualClock
from tests.sandbox.conftest import Clients, Refusal

CRON = "cron(0 6 * * ? *)"


class Place:
    """A VPC with two subnets, a load balancer in it, and a cluster."""

    def __init__(self, mended: Clients) -> None:
        self.ec2, self.elb, self.ecs = mended("ec2"), mended("elbv2"), mended("ecs")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [self._subnet(number, zone) for number, zone in enumerate("ab")]
        self.group = self.ec2.create_security_group(
            GroupName="group", Description="d", VpcId=self.vpc
        )["GroupId"]
        self.ecs.create_cluster(clusterName="cluster", capacityProviders=["FARGATE"])
        container = {"name": "web", "image": "nginx", "memory": 128}
        self.ecs.register_task_definition(family="web", containerDefinitions=[container])

    def _subnet(self, number: int, zone: str) -> str:
        made = self.ec2.create_subnet(
            VpcId=self.vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"eu-north-1{zone}"
        )
        return str(made["Subnet"]["SubnetId"])

    def balancer(self) -> str:
        made = self.elb.create_load_balancer(
            Name="alb", Subnets=self.subnets, SecurityGroups=[self.group]
        )
        return str(made["LoadBalancers"][0]["LoadBalancerArn"])

    def target(self) -> str:
        made = self.elb.create_target_group(
            Name="web", Protocol="HTTP", Port=80, VpcId=self.vpc, TargetType="ip"
        )
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    def service(self, **given: Any) -> dict[str, Any]:
        network = {"subnets": self.subnets, "securityGroups": [self.group]}
        made = self.ecs.create_service(
            cluster="cluster",
            serviceName="web",
            taskDefinition="web",
            desiredCount=2,
            networkConfiguration={"awsvpcConfiguration": network},
            **given,
        )
        service: dict[str, Any] = made["service"]
        return service

    def seen(self) -> dict[str, Any]:
        found = self.ecs.describe_services(cluster="cluster", services=["web"])["services"]
        service: dict[str, Any] = found[0]
        return service


@pytest.fixture
def place(mended: Clients) -> Place:
    return Place(mended)


FARGATE = [{"capacityProvider": "FARGATE", "weight": 1, "base": 1}]


def test_a_service_is_described_with_what_it_was_given(place: Place) -> None:
    deployment = {
        "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        "alarms": {"alarmNames": ["a"], "enable": True, "rollback": True},
    }
    given: dict[str, Any] = {
        "capacityProviderStrategy": FARGATE,
        "enableExecuteCommand": True,
        "enableECSManagedTags": True,
        "healthCheckGracePeriodSeconds": 60,
        "availabilityZoneRebalancing": "ENABLED",
    }
    place.service(**given, deploymentConfiguration=deployment)
    found = place.seen()
    assert {key: found[key] for key in given} == given
    assert found["deploymentConfiguration"] == {
        **deployment,
        "minimumHealthyPercent": 100,
        "maximumPercent": 200,
    }
    assert "launchType" not in found


def test_tasks_start_and_the_deployment_completes(place: Place, held: ManualClock) -> None:
    place.service()
    before = place.seen()
    assert (before["runningCount"], before["pendingCount"]) == (0, 2)
    assert before["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    held.advance(300)
    after = place.seen()
    assert (after["runningCount"], after["pendingCount"]) == (2, 0)
    assert after["deployments"][0]["rolloutState"] == "COMPLETED"


def test_an_update_starts_tasks_anew(place: Place, held: ManualClock) -> None:
    place.service()
    held.advance(300)
    place.ecs.update_service(cluster="cluster", service="web", desiredCount=4)
    assert place.seen()["desiredCount"] == 4
    held.advance(300)
    assert place.seen()["deployments"][0]["runningCount"] == 4


def test_a_service_is_made_once(place: Place, refused: Refusal) -> None:
    place.service()
    assert "not idempotent" in refused(place.service)[1]


def test_a_capacity_provider_that_the_cluster_has_not_is_refused(
    place: Place, refused: Refusal
) -> None:
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    code, message = refused(place.service, capacityProviderStrategy=strategy)
    assert code == "InvalidParameterException"
    assert "not associated with the cluster" in message


def test_a_target_group_without_a_load_balancer_is_refused(place: Place, refused: Refusal) -> None:
    target = place.target()
    wanted = [{"targetGroupArn": target, "containerName": "web", "containerPort": 80}]
    assert (
        "does not have an associated load balancer"
        in refused(place.service, loadBalancers=wanted)[1]
    )
    action = {"Type": "forward", "TargetGroupArn": target}
    place.elb.create_listener(
        LoadBalancerArn=place.balancer(), Protocol="HTTP", Port=80, DefaultActions=[action]
    )
    place.service(loadBalancers=wanted)


def test_a_cluster_with_services_is_not_deleted(place: Place, refused: Refusal) -> None:
    place.service()
    code, _ = refused(place.ecs.delete_cluster, cluster="cluster")
    assert code == "ClusterContainsServicesException"
    place.ecs.delete_service(cluster="cluster", service="web", force=True)
    place.ecs.delete_cluster(cluster="cluster")


def test_cluster_settings_change_one_by_one(place: Place) -> None:
    setting = {"name": "containerInsights", "value": "enhanced"}
    place.ecs.update_cluster_settings(cluster="cluster", settings=[setting])
    found = place.ecs.describe_clusters(clusters=["cluster"], include=["SETTINGS"])["clusters"][0]
    assert setting in found["settings"]


def test_a_scalable_target_has_tags_and_takes_its_policies_with_it(
    place: Place, mended: Clients, refused: Refusal
) -> None:
    place.service()
    scaling = mended("application-autoscaling")
    where = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/cluster/web",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    made = scaling.register_scalable_target(
        **where, MinCapacity=1, MaxCapacity=2, Tags={"Owner": "platform"}
    )
    arn = made["ScalableTargetARN"]
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
    scaling.put_scheduled_action(**where, ScheduledActionName="morning", Schedule=CRON)
    assert mended("cloudwatch").describe_alarms()["MetricAlarms"]
    scaling.deregister_scalable_target(**where)
    assert scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"] == []
    assert scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"] == []
    assert mended("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert (
        refused(scaling.list_tags_for_resource, ResourceARN=arn)[0] == "ResourceNotFoundException"
    )


def test_a_load_balancer_is_provisioned_then_active(place: Place, held: ManualClock) -> None:
    arn = place.balancer()

    def state() -> str:
        found = place.elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
        return str(found[0]["State"]["Code"])

    assert state() == "provisioning"
    held.advance(300)
    assert state() == "active"


def test_a_protected_load_balancer_is_not_deleted(place: Place, refused: Refusal) -> None:
    arn = place.balancer()
    protection = {"Key": "deletion_protection.enabled", "Value": "true"}
    place.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[protection])
    assert (
        refused(place.elb.delete_load_balancer, LoadBalancerArn=arn)[0] == "OperationNotPermitted"
    )
    place.elb.modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[{**protection, "Value": "false"}]
    )
    place.elb.delete_load_balancer(LoadBalancerArn=arn)


def test_a_group_keeps_all_that_it_was_given(place: Place, mended: Clients) -> None:
    scaling = mended("autoscaling")
    template = place.ec2.create_launch_template(
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
        VPCZoneIdentifier=",".join(place.subnets),
        MixedInstancesPolicy={"LaunchTemplate": mixed},
        DefaultInstanceWarmup=180,
        InstanceMaintenancePolicy=maintenance,
        MaxInstanceLifetime=86_400 * 30,
    )
    found = scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert found["DefaultInstanceWarmup"] == 180
    assert found["InstanceMaintenancePolicy"] == maintenance
    assert found["MaxInstanceLifetime"] == 86_400 * 30
    assert len(found["Instances"]) == 2
    scaling.update_auto_scaling_group(AutoScalingGroupName="fleet", DefaultInstanceWarmup=60)
    found = scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert (found["DefaultInstanceWarmup"], found["MinSize"]) == (60, 2)


def test_a_scaling_policy_is_enabled(place: Place, mended: Clients) -> None:
    test_a_group_keeps_all_that_it_was_given(place, mended)
    scaling = mended("autoscaling")
    metric = {"PredefinedMetricType": "ASGAverageCPUUtilization"}
    scaling.put_scaling_policy(
        AutoScalingGroupName="fleet",
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={"PredefinedMetricSpecification": metric, "TargetValue": 70},
    )
    found = scaling.describe_policies()["ScalingPolicies"][0]
    assert found["Enabled"] is True
    assert "PredictiveScalingConfiguration" not in found


def test_a_lifecycle_hook_has_no_queue_that_nobody_gave(place: Place, mended: Clients) -> None:
    test_a_group_keeps_all_that_it_was_given(place, mended)
    scaling = mended("autoscaling")
    scaling.put_lifecycle_hook(
        AutoScalingGroupName="fleet",
        LifecycleHookName="drain",
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
    )
    found = scaling.describe_lifecycle_hooks(AutoScalingGroupName="fleet")["LifecycleHooks"][0]
    assert "NotificationTargetARN" not in found
    assert "RoleARN" not in found
