"""A served sandbox's own addresses: images for its ECR, and names that its Route 53 resolves."""

from collections.abc import Iterator
from typing import Any

import pytest

from ops.cli.app import main
from ops.core.sandbox_endpoint import ENDPOINT_VARIABLE, find_local_endpoint
from ops.core.url_requests import fetch_url
from sandbox import load_balancer as balancer
from sandbox import server
from sandbox.image_behaviour import get_image_behaviour
from tests.sandbox.conftest import REGION, ClientFactory
from tests.sandbox.load_balancer.balanced_service import BalancedService

NAME = "app.sandbox.example.com"


@pytest.fixture
def served_url(aws_client: ClientFactory) -> Iterator[str]:
    """The URL of a served sandbox. The test's own clients, made before it is set, do without."""
    with (
        server.open_listening_socket(0) as listening_socket,
        server.serve_in_thread(listening_socket) as url,
        balancer.serve_load_balancers(),
    ):
        yield url


@pytest.fixture
def ecr(aws_client: ClientFactory) -> Any:
    return aws_client("ecr")


@pytest.fixture
def repository(ecr: Any, served_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    response = ecr.create_repository(
        repositoryName="bulwark/prod/backend", imageTagMutability="IMMUTABLE"
    )
    ecr.create_repository(repositoryName="bulwark/prod/frontend")
    monkeypatch.setenv(ENDPOINT_VARIABLE, served_url)
    monkeypatch.setenv("AWS_REGION", REGION)
    return str(response["repository"]["repositoryUri"])


def test_an_image_is_pushed_and_can_be_deployed(
    repository: str, ecr: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert get_image_behaviour(f"{repository}:v2") == "missing"
    assert main(["sandbox", "push", "backend:v2"]) == 0
    shown = capsys.readouterr().out
    assert f"ops service deploy {repository}:v2" in shown
    assert get_image_behaviour(f"{repository}:v2") == "healthy"
    images = ecr.describe_images(repositoryName="bulwark/prod/backend")
    (image,) = images["imageDetails"]
    assert image["imageTags"] == ["v2"]
    assert image["imageDigest"] in shown


def test_an_images_tag_determines_its_behaviour(repository: str) -> None:
    assert main(["sandbox", "push", "bulwark/prod/backend:v3-never-healthy"]) == 0
    assert get_image_behaviour(f"{repository}:v3-never-healthy") == "unhealthy"


def test_a_tag_that_must_not_move_is_refused(
    repository: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sandbox", "push", "backend:v2"]) == 0
    assert main(["sandbox", "push", "backend:v2"]) == 2
    assert "already exists" in capsys.readouterr().err


def test_a_name_without_repository_shows_those_there_are(
    repository: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sandbox", "push", "worker:v2"]) == 2
    error = capsys.readouterr().err
    assert f"no repository of {REGION} is called worker" in error
    assert repository in error


def test_nothing_but_a_sandbox_is_pushed_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(ENDPOINT_VARIABLE, raising=False)
    assert main(["sandbox", "push", "backend:v2"]) == 2
    assert "AWS_ENDPOINT_URL is not set" in capsys.readouterr().err
    monkeypatch.setenv(ENDPOINT_VARIABLE, "https://ecr.eu-north-1.amazonaws.com")
    assert main(["sandbox", "push", "backend:v2"]) == 2
    assert "must be the address that `ops sandbox` prints" in capsys.readouterr().err
    with server.open_listening_socket(0) as closed:
        url = server.get_socket_url(closed)
    monkeypatch.setenv(ENDPOINT_VARIABLE, url)
    assert main(["sandbox", "push", "backend:v2"]) == 2
    assert "has no answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("endpoint", "is_local"),
    [
        ("http://127.0.0.1:4816", True),
        ("http://127.7.0.1:1/", True),
        ("http://localhost:4816", True),
        ("http://[::1]:4816", True),
        ("https://vpce-1.rds.eu-north-1.vpce.amazonaws.com", False),
        ("http://10.0.0.5:4566", False),
        ("127.0.0.1:4816", False),
        ("", False),
    ],
)
def test_an_endpoint_of_another_machine_is_no_sandbox(
    endpoint: str, is_local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT_VARIABLE, endpoint)
    assert (find_local_endpoint() is not None) is is_local


@pytest.fixture
def site(
    aws_client: ClientFactory, served_url: str, monkeypatch: pytest.MonkeyPatch
) -> BalancedService:
    """A service behind a load balancer that a hosted zone's record leads to."""
    service = BalancedService(aws_client)
    (load_balancer,) = service.elb.describe_load_balancers()["LoadBalancers"]
    route53 = aws_client("route53")
    zone = route53.create_hosted_zone(Name="sandbox.example.com", CallerReference="x")
    record = {
        "Name": NAME,
        "Type": "A",
        "AliasTarget": {
            "DNSName": f"dualstack.{load_balancer['DNSName']}.",
            "HostedZoneId": load_balancer["CanonicalHostedZoneId"],
            "EvaluateTargetHealth": True,
        },
    }
    route53.change_resource_record_sets(
        HostedZoneId=zone["HostedZone"]["Id"],
        ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]},
    )
    monkeypatch.setenv(ENDPOINT_VARIABLE, served_url)
    return service


def fetch_status(url: str) -> object:
    return fetch_url(url, method="GET", timeout_seconds=5)["status"]


def test_a_name_of_the_sandbox_is_answered_by_its_load_balancer(site: BalancedService) -> None:
    assert fetch_status(f"https://{NAME}/orders") == 200
    assert fetch_status(f"https://{NAME.upper()}/orders") == 200
    dns_name = site.elb.describe_load_balancers()["LoadBalancers"][0]["DNSName"]
    assert fetch_status(f"https://{dns_name}/") == 200


def test_the_response_of_the_service_is_returned_unchanged(site: BalancedService) -> None:
    site.set_image("web:errors")
    site.ecs.update_service(cluster="cluster", service="web", taskDefinition="web")
    assert fetch_status(f"https://{NAME}/") == 500


def test_a_redirect_to_a_name_is_followed(site: BalancedService) -> None:
    redirect = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    site.create_listener(80, {"Type": "redirect", "RedirectConfig": redirect})
    assert fetch_status(f"http://{NAME}/orders") == 200


def test_a_name_without_record_or_listener_has_no_answer(site: BalancedService) -> None:
    assert fetch_status("https://other.sandbox.example.com/") == 0
    assert fetch_status(f"https://{NAME}:8443/") == 0


def test_a_url_of_this_machine_is_asked_itself(site: BalancedService) -> None:
    local_url = balancer.get_listener_url(site.load_balancer_arn, 443)
    assert fetch_status(f"{local_url}/orders") == 200
