"""The load balancer of the sandbox: rules, targets, and what a client sees of them over HTTP."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox import load_balancer as balancer
from sandbox.clients.http_client import HttpClient, step_clients
from sandbox.clock import ManualClock
from sandbox.load_balancer import ListenerNotServedError
from sandbox.load_balancer import responses as answers
from tests.sandbox.conftest import ClientFactory
from tests.sandbox.patches.test_compute import ComputePlace
from tests.sandbox.patches.test_ecs_deployments import (
    BREAKER_CONFIGURATION,
    deploy_service_image,
    list_tasks,
)

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


@pytest.fixture
def answering_load_balancer() -> Iterator[None]:
    with balancer.serve_load_balancers():
        yield


@pytest.fixture
def site(
    aws_client: ClientFactory, held_clock: ManualClock, answering_load_balancer: None
) -> BalancedService:
    site = BalancedService(aws_client)
    held_clock.advance(600)
    return site


def test_targets_take_turns_and_say_who_they_are(site: BalancedService) -> None:
    replies = [site.send_request("/x?y=1").parse_json() for _ in range(4)]
    assert {reply["image"] for reply in replies} == {"web:1"}
    arns = {task["taskArn"].split("/")[-1] for task in list_tasks(site, "RUNNING")}
    assert Counter(reply["target"] for reply in replies) == dict.fromkeys(arns, 2)
    registered = site.elb.describe_target_health(TargetGroupArn=site.web_group_arn)
    addresses = {
        f"{t['Target']['Id']}:{t['Target']['Port']}" for t in registered["TargetHealthDescriptions"]
    }
    assert {reply["address"] for reply in replies} == addresses
    details = [task["attachments"][0]["details"] for task in list_tasks(site, "RUNNING")]
    assert {f"{detail[0]['value']}:8080" for detail in details} == addresses
    assert replies[0]["path"] == "/x"
    assert replies[0]["forwarded"] == {
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Port": "443",
    }


def test_the_first_rule_that_is_met_answers_and_a_change_of_it_is_seen_at_once(
    site: BalancedService,
) -> None:
    page = {
        "Type": "fixed-response",
        "FixedResponseConfig": {
            "StatusCode": "503",
            "MessageBody": "<h1>Back soon</h1>",
            "ContentType": "text/html",
        },
    }
    never = {"Field": "host-header", "HostHeaderConfig": {"Values": ["maintenance.invalid"]}}
    rule = site.create_rule(1, page, never)
    assert site.send_request().status == 200
    site.elb.modify_rule(RuleArn=rule, Conditions=[site.build_path_condition("/*")])
    shown = site.send_request("/anything", method="POST")
    assert (shown.status, shown.body) == (503, b"<h1>Back soon</h1>")
    assert (shown.headers["Content-Type"], shown.headers["Server"]) == ("text/html", "awselb/2.0")
    site.elb.modify_rule(RuleArn=rule, Conditions=[never])
    assert site.send_request().status == 200
    site.elb.delete_rule(RuleArn=site.create_rule(2, page, site.build_path_condition("/gone")))
    assert site.send_request("/gone").status == 200


def test_what_no_rule_answers_the_default_does(site: BalancedService) -> None:
    site.create_listener(8080)
    reply = site.send_request(port=8080)
    assert (reply.status, reply.body) == (404, b"Not found")
    assert site.send_request(port=8080, method="HEAD").body == b""


def test_redirects_lead_to_the_other_listener(site: BalancedService) -> None:
    config = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    site.create_listener(80, {"Type": "redirect", "RedirectConfig": config})
    named = site.send_request("/a%20b?c=d", port=80, Host="app.example.com:8080")
    assert (named.status, named.headers["Location"]) == (
        301,
        "https://app.example.com:443/a%20b?c=d",
    )
    location = site.send_request("/a?c=d", port=80).headers["Location"]
    assert location == f"{balancer.get_listener_url(site.load_balancer_arn, 443)}/a?c=d"


def test_weights_are_kept_exactly_over_a_round(
    site: BalancedService, held_clock: ManualClock
) -> None:
    other = site.create_named_target_group("other")
    site.create_rule(
        5,
        site.build_forward_action(site.web_group_arn, other, weights=(3, 1)),
        site.build_path_condition("/weighted"),
    )
    site.create_rule(
        6,
        site.build_forward_action(site.web_group_arn, other, weights=(0, 1)),
        site.build_path_condition("/other"),
    )
    site.set_image("web:other")
    site.create_served_service("other", other)
    held_clock.advance(600)
    images = Counter(site.send_request("/weighted").parse_json()["image"] for _ in range(8))
    assert images == {"web:1": 6, "web:other": 2}
    assert {site.send_request("/other").parse_json()["image"] for _ in range(3)} == {"web:other"}


def test_no_registered_target_is_503_and_nobody_at_an_address_is_504(site: BalancedService) -> None:
    empty = site.create_named_target_group("empty")
    site.create_rule(5, site.build_forward_action(empty), site.build_path_condition("/empty"))
    reply = site.send_request("/empty")
    assert (reply.status, reply.headers["Server"]) == (503, "awselb/2.0")
    site.elb.register_targets(TargetGroupArn=empty, Targets=[{"Id": "10.0.0.9", "Port": 80}])
    assert site.send_request("/empty").status == 504


def test_an_unhealthy_image_is_in_a_group_of_its_own_only_where_elb_fails_open(
    aws_client: ClientFactory, held_clock: ManualClock, answering_load_balancer: None
) -> None:
    site = BalancedService(aws_client, "web:never-healthy")
    held_clock.advance(70)
    assert site.list_target_states() == {}
    assert site.send_request().status == 503  # nothing is registered
    held_clock.advance(10)
    assert site.list_target_states() == {"initial": 2}
    held_clock.advance(45)
    assert site.list_target_states() == {"unhealthy": 2}
    reply = site.send_request()
    assert (reply.status, reply.parse_json()["image"]) == (503, "web:never-healthy")
    held_clock.advance(30)
    assert site.list_target_states() == {}  # stopped, and started again


def test_old_tasks_serve_until_the_new_ones_are_healthy_then_drain(
    site: BalancedService, held_clock: ManualClock
) -> None:
    deploy_service_image(site, "web:2")
    observations: list[tuple[set[str], Counter[str]]] = []
    for _ in range(30):
        images = {site.send_request().parse_json()["image"] for _ in range(4)}
        if not observations or (images, site.list_target_states()) != observations[-1]:
            observations.append((images, site.list_target_states()))
        held_clock.advance(5)
    assert observations == [
        ({"web:1"}, {"healthy": 2}),
        ({"web:1"}, {"healthy": 2, "initial": 2}),
        ({"web:2"}, {"healthy": 2, "draining": 2}),
        ({"web:2"}, {"healthy": 2}),
    ]
    event_messages = [
        event["message"].removeprefix("(service web) ")
        for event in site.describe_service()["events"]
    ]
    assert event_messages[2:5] == [
        "has begun draining connections on 2 tasks.",
        f"deregistered 2 targets in (target-group {site.web_group_arn})",
        f"registered 2 targets in (target-group {site.web_group_arn})",
    ]


@pytest.mark.parametrize(
    "image", ["web:never-healthy", pytest.param("web:crash", marks=pytest.mark.exhaustive)]
)
def test_a_bad_deployment_never_takes_a_request(
    site: BalancedService, held_clock: ManualClock, image: str
) -> None:
    asker = HttpClient(balancer.get_listener_url(site.load_balancer_arn, 443))
    deploy_service_image(site, image)
    with step_clients(held_clock, asker):
        held_clock.advance(900)
    assert set(asker.answer_counts) == {(200, "web:1")}
    assert site.describe_service()["deployments"][0]["rolloutState"] == "COMPLETED"
    assert asker.get_observation().longest_gap == 5


def test_more_and_fewer_tasks_come_and_go_as_targets(
    site: BalancedService, held_clock: ManualClock
) -> None:
    site.ecs.update_service(cluster="cluster", service="web", desiredCount=3)
    held_clock.advance(80)
    assert site.list_target_states() == {"healthy": 2, "initial": 1}
    held_clock.advance(20)
    assert site.list_target_states() == {"healthy": 3}
    site.ecs.update_service(cluster="cluster", service="web", desiredCount=1)
    assert site.list_target_states() == {"healthy": 1, "draining": 2}
    held_clock.advance(41)
    assert site.list_target_states() == {"healthy": 1}


def test_an_image_of_errors_is_in_service_and_answers_500(
    site: BalancedService, held_clock: ManualClock
) -> None:
    deploy_service_image(site, "web:2-errors")
    held_clock.advance(600)
    assert site.list_target_states() == {"healthy": 2}
    assert site.send_request().status == 500
    assert site.send_request("/health").status == 200
    asker = HttpClient(balancer.get_listener_url(site.load_balancer_arn, 443))
    with step_clients(held_clock, asker):
        held_clock.advance(30)
    assert asker.get_observation().line() == (
        "asker: 0 of 7 answered, 7 errors, at most 30 s without an answer"
    )


def test_a_slow_image_takes_simulated_time(
    site: BalancedService, held_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "WALL", 60)
    deploy_service_image(site, "web:2-slow")
    held_clock.advance(600)
    asker, waited = HttpClient(balancer.get_listener_url(site.load_balancer_arn, 443)), 0.0
    asking = threading.Thread(target=asker.send_request)
    asking.start()
    while asking.is_alive():
        held_clock.advance(0.1)
        waited += 0.1
        asking.join(0.002)
    assert asker.answer_counts == {(200, "web:2-slow"): 1}
    assert waited >= answers.SLOW_IMAGE_SECONDS
    assert site.send_request("/health").status == 200
    monkeypatch.setattr(answers, "WALL", 0.05)
    assert site.send_request().status == 200  # the clock stands still


def test_instances_answer_as_the_image_does_that_their_parameter_named(
    site: BalancedService, aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    ssm, name = aws_client("ssm"), "/bulwark/test/fleet/image"
    ssm.put_parameter(Name=name, Value="app:1", Type="String")
    group = site.elb.create_target_group(
        Name="fleet", Protocol="HTTP", Port=8080, VpcId=site.vpc, TargetType="instance"
    )["TargetGroups"][0]["TargetGroupArn"]
    site.create_rule(5, site.build_forward_action(group), site.build_path_condition("/fleet"))
    ids = []
    for image in ("app:1", "app:2-errors"):
        ssm.put_parameter(Name=name, Value=image, Type="String", Overwrite=True)
        response = aws_client("ec2").run_instances(
            ImageId="ami-12345678",
            MinCount=1,
            MaxCount=1,
            UserData=json.dumps({"content": json.dumps({"imageParameter": name})}),
        )
        ids.append(response["Instances"][0]["InstanceId"])
        site.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": ids[-1]}])
    replies = [site.send_request("/fleet") for _ in range(2)]
    assert {(r.status, r.parse_json()["image"], r.parse_json()["target"]) for r in replies} == {
        (200, "app:1", ids[0]),
        (500, "app:2-errors", ids[1]),
    }
    aws_client("ec2").terminate_instances(InstanceIds=ids[1:])
    assert {site.send_request("/fleet").parse_json()["target"] for _ in range(3)} == {ids[0]}


def test_it_is_off_unless_asked_for_and_closed_afterwards(aws_client: ClientFactory) -> None:
    site = BalancedService(aws_client)
    with pytest.raises(ListenerNotServedError, match="answering"):
        balancer.get_listener_url(site.load_balancer_arn, 443)
    with balancer.serve_load_balancers():
        url = balancer.get_listener_url(site.load_balancer_arn, 443)
        assert balancer.get_listener_url(site.load_balancer_arn, 443) == url
        assert site.send_request().status == 200
        with pytest.raises(ListenerNotServedError, match="no listener at port 9"):
            balancer.get_listener_url(site.load_balancer_arn, 9)
    asker = HttpClient(url)
    assert asker.send_request() == 0
    assert asker.get_observation().errors == 1


def test_a_listener_that_is_gone_does_not_answer(site: BalancedService) -> None:
    url = balancer.get_listener_url(site.load_balancer_arn, 443)
    site.elb.delete_listener(ListenerArn=site.https_listener_arn)
    assert HttpClient(url).send_request() == 0


@pytest.mark.exhaustive
def test_a_thread_asks_while_all_is_deployed_again_and_again(
    site: BalancedService, held_clock: ManualClock
) -> None:
    with HttpClient(balancer.get_listener_url(site.load_balancer_arn, 443), pause=0) as asker:
        for number in range(10):
            deploy_service_image(site, f"web:{number}")
            for _ in range(30):
                held_clock.advance(5)
                site.list_target_states()
    reply_counts = asker.get_observation()
    assert reply_counts.errors == 0
    assert reply_counts.answered > 1
