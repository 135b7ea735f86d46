"""A service behind a load balancer of the sandbox, and requests to it over HTTP."""

import http.client
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sandbox import load_balancer as balancer
from tests.sandbox.conftest import ClientFactory
from tests.sandbox.patches.test_compute import ComputePlace
from tests.sandbox.patches.test_ecs_deployments import BREAKER_CONFIGURATION

NOT_FOUND_ACTION = {
    "Type": "fixed-response",
    "FixedResponseConfig": {
        "StatusCode": "404",
        "MessageBody": "Not found",
        "ContentType": "text/plain",
    },
}


class BalancedService(ComputePlace):
    """A load balancer with two listeners, and a service behind it."""

    def __init__(self, aws_client: ClientFactory, image: str = "web:1") -> None:
        super().__init__(aws_client)
        self.load_balancer_arn, self.web_group_arn = (
            self.create_load_balancer(),
            self.create_named_target_group("web"),
        )
        self.https_listener_arn = self.create_listener(443)
        self.create_rule(
            10, self.build_forward_action(self.web_group_arn), self.build_path_condition("/*")
        )
        self.set_image(image)
        self.create_served_service("web", self.web_group_arn)

    def create_listener(self, port: int, action: dict[str, Any] = NOT_FOUND_ACTION) -> str:
        response = self.elb.create_listener(
            LoadBalancerArn=self.load_balancer_arn,
            Protocol="HTTP",
            Port=port,
            DefaultActions=[action],
        )
        return str(response["Listeners"][0]["ListenerArn"])

    def create_named_target_group(self, name: str) -> str:
        response = self.elb.create_target_group(
            Name=name,
            Protocol="HTTP",
            Port=80,
            VpcId=self.vpc,
            TargetType="ip",
            HealthCheckIntervalSeconds=15,
            UnhealthyThresholdCount=3,
            HealthCheckPath="/health",
        )
        arn = str(response["TargetGroups"][0]["TargetGroupArn"])
        delay_attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": "40"}
        self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay_attribute])
        return arn

    def build_forward_action(self, *groups: str, weights: tuple[int, ...] = ()) -> dict[str, Any]:
        if not weights:
            return {"Type": "forward", "TargetGroupArn": groups[0]}
        weighted_groups = [
            {"TargetGroupArn": g, "Weight": w} for g, w in zip(groups, weights, strict=True)
        ]
        return {"Type": "forward", "ForwardConfig": {"TargetGroups": weighted_groups}}

    def create_rule(
        self, priority: int, action: dict[str, Any], *conditions: dict[str, Any]
    ) -> str:
        response = self.elb.create_rule(
            ListenerArn=self.https_listener_arn,
            Priority=priority,
            Conditions=list(conditions),
            Actions=[action],
        )
        return str(response["Rules"][0]["RuleArn"])

    @staticmethod
    def build_path_condition(*values: str) -> dict[str, Any]:
        return {"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}

    def set_image(self, image: str) -> None:
        container = {"name": "web", "image": image, "memory": 128}
        self.ecs.register_task_definition(family="web", containerDefinitions=[container])

    def create_served_service(self, name: str, group: str) -> None:
        balancers = [{"targetGroupArn": group, "containerName": "web", "containerPort": 8080}]
        self.ecs.create_service(
            cluster="cluster",
            serviceName=name,
            taskDefinition="web",
            desiredCount=2,
            loadBalancers=balancers,
            deploymentConfiguration=BREAKER_CONFIGURATION,
        )

    def send_request(
        self, path: str = "/", *, port: int = 443, method: str = "GET", **headers: str
    ) -> "HttpReply":
        address = urlsplit(balancer.get_listener_url(self.load_balancer_arn, port))
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
        header_names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=header_names)
        answer = connection.getresponse()
        reply = HttpReply(answer.status, answer.read(), dict(answer.getheaders()))
        connection.close()
        return reply

    def list_target_states(self) -> Counter[str]:
        health_descriptions = self.elb.describe_target_health(TargetGroupArn=self.web_group_arn)
        return Counter(
            t["TargetHealth"]["State"] for t in health_descriptions["TargetHealthDescriptions"]
        )


class HttpReply:
    """An answer."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.status, self.body, self.headers = status, body, headers

    def parse_json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content
