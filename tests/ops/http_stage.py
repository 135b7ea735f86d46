"""A stage whose services stand behind a load balancer that answers, seen from the command line."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops.outputs import Outputs
from sandbox import load_balancer as balancer
from sandbox.clients.http_client import HttpClient, step_clients
from tests.ops.command_line import OpsConsole
from tests.ops.procedures.service_page import put_maintenance_rule
from tests.ops.service_stage import CIRCUIT_BREAKER, patch_command_line, put_services
from tests.ops.stage import Stage, open_stage

LISTENER_PORT = 80  # of put_rule's listener
BACKEND_HEALTH_PATH = "/health"
MAINTENANCE_PAGE = "<h1>Back soon</h1>"


@dataclass
class SiteConsole:
    """The command line, and where the load balancer answers."""

    ops: OpsConsole
    url: str

    @contextmanager
    def ask_continuously(self) -> Iterator[HttpClient]:
        """A client asks every five simulated seconds of what is done in the block."""
        asker = HttpClient(self.url)
        with step_clients(self.ops.stage.clock.held_clock, asker):
            yield asker

    def fetch_body(self) -> str:
        """What the load balancer answers, whatever its status."""
        try:
            with urllib.request.urlopen(self.url, timeout=30) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()


def put_site(stage: Stage) -> str:
    """A load balancer with the maintenance rule and a rule for the backend; its ARN."""
    put_maintenance_rule(stage)
    elb = stage.client("elbv2")
    assert stage.outputs.load_balancer is not None
    rule = stage.outputs.load_balancer.maintenance_rule_arn
    page = {"StatusCode": "503", "MessageBody": MAINTENANCE_PAGE, "ContentType": "text/html"}
    fixed = {"Type": "fixed-response", "FixedResponseConfig": page}
    elb.modify_rule(RuleArn=rule, Actions=[fixed])
    group = elb.create_target_group(
        Name="backend",
        Protocol="HTTP",
        Port=8080,
        TargetType="ip",
        HealthCheckPath=BACKEND_HEALTH_PATH,
        VpcId=stage.client("ec2").describe_vpcs()["Vpcs"][-1]["VpcId"],
        HealthCheckIntervalSeconds=15,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=3,
    )["TargetGroups"][0]["TargetGroupArn"]
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "30"}
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[delay])
    (load_balancer,) = elb.describe_load_balancers(Names=["bulwark-test-alb"])["LoadBalancers"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=load_balancer["LoadBalancerArn"])[
        "Listeners"
    ]
    elb.create_rule(
        ListenerArn=listener["ListenerArn"],
        Priority=10,
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}],
        Actions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    balancers = [{"targetGroupArn": group, "containerName": "backend", "containerPort": 8080}]
    put_services(stage, deploymentConfiguration=CIRCUIT_BREAKER, loadBalancers=balancers)
    return str(load_balancer["LoadBalancerArn"])


@contextmanager
def open_site(
    capture: pytest.CaptureFixture[str], folder: Path, outputs: Outputs | None = None
) -> Iterator[SiteConsole]:
    """A stage of the backend alone, behind a load balancer that answers."""
    with open_stage(outputs) as stage, balancer.serve_load_balancers():
        arn = put_site(stage)
        with patch_command_line(stage, folder) as file:
            yield SiteConsole(
                OpsConsole(stage, file, capture), balancer.get_listener_url(arn, LISTENER_PORT)
            )
