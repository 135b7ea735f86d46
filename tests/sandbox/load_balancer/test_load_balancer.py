"""The load balancer of the sandbox: rules, targets, and what a client sees of them over HTTP."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from sandbox import load_balancer as balancer
from sandbox.clients.http_client import HttpClient
from sandbox.clock import ManualClock
from sandbox.load_balancer import ListenerNotServedError
from tests.sandbox.conftest import ClientFactory
from tests.sandbox.load_balancer.balanced_service import BalancedService
from tests.sandbox.patches.test_ecs_deployments import (
    list_tasks,
)


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


def test_a_request_that_matches_no_rule_gets_the_default_action(site: BalancedService) -> None:
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


def test_no_registered_target_is_503_and_an_unreachable_target_is_504(
    site: BalancedService,
) -> None:
    empty = site.create_named_target_group("empty")
    site.create_rule(5, site.build_forward_action(empty), site.build_path_condition("/empty"))
    reply = site.send_request("/empty")
    assert (reply.status, reply.headers["Server"]) == (503, "awselb/2.0")
    site.elb.register_targets(TargetGroupArn=empty, Targets=[{"Id": "10.0.0.9", "Port": 80}])
    assert site.send_request("/empty").status == 504


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


def test_load_balancers_are_served_only_inside_the_context(aws_client: ClientFactory) -> None:
    site = BalancedService(aws_client)
    with pytest.raises(ListenerNotServedError, match="serve_load_balancers"):
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


def test_a_sticky_client_stays_with_its_target_until_its_cookie_expires(
    site: BalancedService, held_clock: ManualClock
) -> None:
    attributes = [
        {"Key": "stickiness.enabled", "Value": "true"},
        {"Key": "stickiness.lb_cookie.duration_seconds", "Value": "60"},
    ]
    site.elb.modify_target_group_attributes(
        TargetGroupArn=site.web_group_arn, Attributes=attributes
    )
    first = site.send_request()
    cookie = first.headers["Set-Cookie"].partition(";")[0]
    assert cookie.startswith("AWSALB=")
    replies = [site.send_request(Cookie=cookie).parse_json() for _ in range(4)]
    assert {reply["target"] for reply in replies} == {first.parse_json()["target"]}
    others = [site.send_request(Cookie="AWSALB=x").parse_json()["target"] for _ in range(4)]
    assert len(set(others)) == 2
    held_clock.advance(61)
    expired = [site.send_request(Cookie=cookie).parse_json()["target"] for _ in range(4)]
    assert len(set(expired)) == 2


def test_without_stickiness_no_cookie_is_set(site: BalancedService) -> None:
    assert "Set-Cookie" not in site.send_request().headers
