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
from tests.sandbox.conftest import Clients
from tests.sandbox.patches.test_compute import Place
from tests.sandbox.patches.test_ecs_deployments import BREAKER, deploy, tasks

NOT_FOUND = {
    "Type": "fixed-response",
    "FixedResponseConfig": {
        "StatusCode": "404",
        "MessageBody": "Not found",
        "ContentType": "text/plain",
    },
}


class Site(Place):
    """A load balancer with two listeners, and a service behind it."""

    def __init__(self, mended: Clients, image: str = "web:1") -> None:
        super().__init__(mended)
        self.arn, self.web = self.balancer(), self.group_of("web")
        self.https = self.listener(443)
        self.rule(10, self.forward(self.web), self.path("/*"))
        self.image(image)
        self.serve("web", self.web)

    def listener(self, port: int, action: dict[str, Any] = NOT_FOUND) -> str:
        made = self.elb.create_listener(
            LoadBalancerArn=self.arn, Protocol="HTTP", Port=port, DefaultActions=[action]
        )
        return str(made["Listeners"][0]["ListenerArn"])

    def group_of(self, name: str) -> str:
        made = self.elb.create_target_group(
            Name=name,
            Protocol="HTTP",
            Port=80,
            VpcId=self.vpc,
            TargetType="ip",
            HealthCheckIntervalSeconds=15,
            UnhealthyThresholdCount=3,
            HealthCheckPath="/health",
        )
        arn = str(made["TargetGroups"][0]["TargetGroupArn"])
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "40"}
        self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])
        return arn

    def forward(self, *groups: str, weights: tuple[int, ...] = ()) -> dict[str, Any]:
        if not weights:
            return {"Type": "forward", "TargetGroupArn": groups[0]}
        both = [{"TargetGroupArn": g, "Weight": w} for g, w in zip(groups, weights, strict=True)]
        return {"Type": "forward", "ForwardConfig": {"TargetGroups": both}}

    def rule(self, priority: int, action: dict[str, Any], *conditions: dict[str, Any]) -> str:
        made = self.elb.create_rule(
            ListenerArn=self.https,
            Priority=priority,
            Conditions=list(conditions),
            Actions=[action],
        )
        return str(made["Rules"][0]["RuleArn"])

    @staticmethod
    def path(*values: str) -> dict[str, Any]:
        return {"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}

    def image(self, image: str) -> None:
        container = {"name": "web", "image": image, "memory": 128}
        self.ecs.register_task_definition(family="web", containerDefinitions=[container])

    def serve(self, name: str, group: str) -> None:
        balancers = [{"targetGroupArn": group, "containerName": "web", "containerPort": 8080}]
        self.ecs.create_service(
            cluster="cluster",
            serviceName=name,
            taskDefinition="web",
            desiredCount=2,
            loadBalancers=balancers,
            deploymentConfiguration=BREAKER,
        )

    def ask(
        self, path: str = "/", *, port: int = 443, method: str = "GET", **headers: str
    ) -> "Reply":
        at = urlsplit(balancer.get_listener_url(self.arn, port))
        connection = http.client.HTTPConnection(str(at.hostname), at.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=named)
        answer = connection.getresponse()
        reply = Reply(answer.status, answer.read(), dict(answer.getheaders()))
        connection.close()
        return reply

    def states(self) -> Counter[str]:
        found = self.elb.describe_target_health(TargetGroupArn=self.web)
        return Counter(t["TargetHealth"]["State"] for t in found["TargetHealthDescriptions"])


class Reply:
    """An answer."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.status, self.body, self.headers = status, body, headers

    def said(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@pytest.fixture
def answering() -> Iterator[None]:
    with balancer.serve_load_balancers():
        yield


@pytest.fixture
def site(mended: Clients, held: ManualClock, answering: None) -> Site:
    site = Site(mended)
    held.advance(600)
    return site


def test_targets_take_turns_and_say_who_they_are(site: Site) -> None:
    replies = [site.ask("/x?y=1").said() for _ in range(4)]
    assert {reply["image"] for reply in replies} == {"web:1"}
    arns = {task["taskArn"].split("/")[-1] for task in tasks(site, "RUNNING")}
    assert Counter(reply["target"] for reply in replies) == dict.fromkeys(arns, 2)
    registered = site.elb.describe_target_health(TargetGroupArn=site.web)
    addresses = {
        f"{t['Target']['Id']}:{t['Target']['Port']}" for t in registered["TargetHealthDescriptions"]
    }
    assert {reply["address"] for reply in replies} == addresses
    details = [task["attachments"][0]["details"] for task in tasks(site, "RUNNING")]
    assert {f"{detail[0]['value']}:8080" for detail in details} == addresses
    assert replies[0]["path"] == "/x"
    assert replies[0]["forwarded"] == {
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Port": "443",
    }


def test_the_first_rule_that_is_met_answers_and_a_change_of_it_is_seen_at_once(
    site: Site,
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
    rule = site.rule(1, page, never)
    assert site.ask().status == 200
    site.elb.modify_rule(RuleArn=rule, Conditions=[site.path("/*")])
    shown = site.ask("/anything", method="POST")
    assert (shown.status, shown.body) == (503, b"<h1>Back soon</h1>")
    assert (shown.headers["Content-Type"], shown.headers["Server"]) == ("text/html", "awselb/2.0")
    site.elb.modify_rule(RuleArn=rule, Conditions=[never])
    assert site.ask().status == 200
    site.elb.delete_rule(RuleArn=site.rule(2, page, site.path("/gone")))
    assert site.ask("/gone").status == 200


def test_what_no_rule_answers_the_default_does(site: Site) -> None:
    site.listener(8080)
    reply = site.ask(port=8080)
    assert (reply.status, reply.body) == (404, b"Not found")
    assert site.ask(port=8080, method="HEAD").body == b""


def test_redirects_lead_to_the_other_listener(site: Site) -> None:
    config = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    site.listener(80, {"Type": "redirect", "RedirectConfig": config})
    named = site.ask("/a%20b?c=d", port=80, Host="app.example.com:8080")
    assert (named.status, named.headers["Location"]) == (
        301,
        "https://app.example.com:443/a%20b?c=d",
    )
    here = site.ask("/a?c=d", port=80).headers["Location"]
    assert here == f"{balancer.get_listener_url(site.arn, 443)}/a?c=d"


def test_weights_are_kept_exactly_over_a_round(site: Site, held: ManualClock) -> None:
    other = site.group_of("other")
    site.rule(5, site.forward(site.web, other, weights=(3, 1)), site.path("/weighted"))
    site.rule(6, site.forward(site.web, other, weights=(0, 1)), site.path("/other"))
    site.image("web:other")
    site.serve("other", other)
    held.advance(600)
    images = Counter(site.ask("/weighted").said()["image"] for _ in range(8))
    assert images == {"web:1": 6, "web:other": 2}
    assert {site.ask("/other").said()["image"] for _ in range(3)} == {"web:other"}


def test_no_registered_target_is_503_and_nobody_at_an_address_is_504(site: Site) -> None:
    empty = site.group_of("empty")
    site.rule(5, site.forward(empty), site.path("/empty"))
    reply = site.ask("/empty")
    assert (reply.status, reply.headers["Server"]) == (503, "awselb/2.0")
    site.elb.register_targets(TargetGroupArn=empty, Targets=[{"Id": "10.0.0.9", "Port": 80}])
    assert site.ask("/empty").status == 504


def test_an_unhealthy_image_is_in_a_group_of_its_own_only_where_elb_fails_open(
    mended: Clients, held: ManualClock, answering: None
) -> None:
    site = Site(mended, "web:never-healthy")
    held.advance(70)
    assert site.states() == {}
    assert site.ask().status == 503  # nothing is registered
    held.advance(10)
    assert site.states() == {"initial": 2}
    held.advance(45)
    assert site.states() == {"unhealthy": 2}
    reply = site.ask()
    assert (reply.status, reply.said()["image"]) == (503, "web:never-healthy")
    held.advance(30)
    assert site.states() == {}  # stopped, and started again


def test_old_tasks_serve_until_the_new_ones_are_healthy_then_drain(
    site: Site, held: ManualClock
) -> None:
    deploy(site, "web:2")
    seen: list[tuple[set[str], Counter[str]]] = []
    for _ in range(30):
        images = {site.ask().said()["image"] for _ in range(4)}
        if not seen or (images, site.states()) != seen[-1]:
            seen.append((images, site.states()))
        held.advance(5)
    assert seen == [
        ({"web:1"}, {"healthy": 2}),
        ({"web:1"}, {"healthy": 2, "initial": 2}),
        ({"web:2"}, {"healthy": 2, "draining": 2}),
        ({"web:2"}, {"healthy": 2}),
    ]
    said = [event["message"].removeprefix("(service web) ") for event in site.seen()["events"]]
    assert said[2:5] == [
        "has begun draining connections on 2 tasks.",
        f"deregistered 2 targets in (target-group {site.web})",
        f"registered 2 targets in (target-group {site.web})",
    ]


@pytest.mark.parametrize(
    "image", ["web:never-healthy", pytest.param("web:crash", marks=pytest.mark.exhaustive)]
)
def test_a_bad_deployment_never_takes_a_request(site: Site, held: ManualClock, image: str) -> None:
    asker = HttpClient(balancer.get_listener_url(site.arn, 443))
    deploy(site, image)
    with step_clients(held, asker):
        held.advance(900)
    assert set(asker.answer_counts) == {(200, "web:1")}
    assert site.seen()["deployments"][0]["rolloutState"] == "COMPLETED"
    assert asker.get_observation().longest_gap == 5


def test_more_and_fewer_tasks_come_and_go_as_targets(site: Site, held: ManualClock) -> None:
    site.ecs.update_service(cluster="cluster", service="web", desiredCount=3)
    held.advance(80)
    assert site.states() == {"healthy": 2, "initial": 1}
    held.advance(20)
    assert site.states() == {"healthy": 3}
    site.ecs.update_service(cluster="cluster", service="web", desiredCount=1)
    assert site.states() == {"healthy": 1, "draining": 2}
    held.advance(41)
    assert site.states() == {"healthy": 1}


def test_an_image_of_errors_is_in_service_and_answers_500(site: Site, held: ManualClock) -> None:
    deploy(site, "web:2-errors")
    held.advance(600)
    assert site.states() == {"healthy": 2}
    assert site.ask().status == 500
    assert site.ask("/health").status == 200
    asker = HttpClient(balancer.get_listener_url(site.arn, 443))
    with step_clients(held, asker):
        held.advance(30)
    assert asker.get_observation().line() == (
        "asker: 0 of 7 answered, 7 errors, at most 30 s without an answer"
    )


def test_a_slow_image_takes_simulated_time(
    site: Site, held: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "WALL", 60)
    deploy(site, "web:2-slow")
    held.advance(600)
    asker, waited = HttpClient(balancer.get_listener_url(site.arn, 443)), 0.0
    asking = threading.Thread(target=asker.send_request)
    asking.start()
    while asking.is_alive():
        held.advance(0.1)
        waited += 0.1
        asking.join(0.002)
    assert asker.answer_counts == {(200, "web:2-slow"): 1}
    assert waited >= answers.SLOW_IMAGE_SECONDS
    assert site.ask("/health").status == 200
    monkeypatch.setattr(answers, "WALL", 0.05)
    assert site.ask().status == 200  # the clock stands still


def test_instances_answer_as_the_image_does_that_their_parameter_named(
    site: Site, mended: Clients, held: ManualClock
) -> None:
    ssm, name = mended("ssm"), "/bulwark/test/fleet/image"
    ssm.put_parameter(Name=name, Value="app:1", Type="String")
    group = site.elb.create_target_group(
        Name="fleet", Protocol="HTTP", Port=8080, VpcId=site.vpc, TargetType="instance"
    )["TargetGroups"][0]["TargetGroupArn"]
    site.rule(5, site.forward(group), site.path("/fleet"))
    ids = []
    for image in ("app:1", "app:2-errors"):
        ssm.put_parameter(Name=name, Value=image, Type="String", Overwrite=True)
        made = mended("ec2").run_instances(
            ImageId="ami-12345678",
            MinCount=1,
            MaxCount=1,
            UserData=json.dumps({"content": json.dumps({"imageParameter": name})}),
        )
        ids.append(made["Instances"][0]["InstanceId"])
        site.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": ids[-1]}])
    replies = [site.ask("/fleet") for _ in range(2)]
    assert {(r.status, r.said()["image"], r.said()["target"]) for r in replies} == {
        (200, "app:1", ids[0]),
        (500, "app:2-errors", ids[1]),
    }
    mended("ec2").terminate_instances(InstanceIds=ids[1:])
    assert {site.ask("/fleet").said()["target"] for _ in range(3)} == {ids[0]}


def test_it_is_off_unless_asked_for_and_closed_afterwards(mended: Clients) -> None:
    site = Site(mended)
    with pytest.raises(ListenerNotServedError, match="answering"):
        balancer.get_listener_url(site.arn, 443)
    with balancer.serve_load_balancers():
        url = balancer.get_listener_url(site.arn, 443)
        assert balancer.get_listener_url(site.arn, 443) == url
        assert site.ask().status == 200
        with pytest.raises(ListenerNotServedError, match="no listener at port 9"):
            balancer.get_listener_url(site.arn, 9)
    asker = HttpClient(url)
    assert asker.send_request() == 0
    assert asker.get_observation().errors == 1


def test_a_listener_that_is_gone_does_not_answer(site: Site) -> None:
    url = balancer.get_listener_url(site.arn, 443)
    site.elb.delete_listener(ListenerArn=site.https)
    assert HttpClient(url).send_request() == 0


@pytest.mark.exhaustive
def test_a_thread_asks_while_all_is_deployed_again_and_again(site: Site, held: ManualClock) -> None:
    with HttpClient(balancer.get_listener_url(site.arn, 443), pause=0) as asker:
        for number in range(10):
            deploy(site, f"web:{number}")
            for _ in range(30):
                held.advance(5)
                site.states()
    seen = asker.get_observation()
    assert seen.errors == 0
    assert seen.answered > 1
