"""Addresses of a served sandbox that AWS does not have: images, and names that Route 53 resolves.

    curl -X POST $AWS_ENDPOINT_URL/sandbox-api/images -d '{"image": "backend:v2"}'
    curl "$AWS_ENDPOINT_URL/sandbox-api/sites?url=https://app.example.com/health"

An image is pushed to the repository that has this name or ends with it. A name is resolved as by
DNS, from the alias records of the hosted zones and the load balancers' own names; the answer is the
local URL of the listener.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, urlsplit

from moto.core.exceptions import JsonRESTError
from moto.ecr.models import ecr_backends
from moto.elbv2.models import elbv2_backends
from moto.route53.models import route53_backends

from ops.core.sandbox_endpoint import IMAGES_PATH, PUSHED_IMAGE_PATTERN
from sandbox import load_balancer as balancer
from sandbox.aws import ACCOUNT_ID, AWS_PARTITION
from sandbox.image_push import build_manifest
from sandbox.patches.serialization import CALL_LOCK

SITES_PATH: Final = "/sandbox-api/sites"
WsgiApplication: TypeAlias = Callable[[dict[str, Any], Any], Iterable[bytes]]
ApiReply: TypeAlias = tuple[str, dict[str, Any]]


def add_own_addresses(application: WsgiApplication) -> WsgiApplication:
    """The application with the sandbox's own addresses in front of it."""

    def handle_request(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        match environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"):
            case "POST", path if path == IMAGES_PATH:
                status, content = _push(environ["wsgi.input"].read())
            case "GET", path if path == SITES_PATH:
                status, content = _resolve(environ.get("QUERY_STRING", ""))
            case _, path if path in (IMAGES_PATH, SITES_PATH):
                status, content = "405 Method Not Allowed", {"error": "POST images, GET sites"}
            case _:
                return application(environ, start_response)
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(content).encode() + b"\n"]

    return handle_request


def _push(body: bytes) -> ApiReply:
    """Pushes the image of a request's body."""
    try:
        request = json.loads(body)
        image, region = str(request["image"]), request.get("region")
    except (ValueError, TypeError, KeyError, AttributeError):
        return "400 Bad Request", {"error": 'the body must be like {"image": "backend:v2"}'}
    match = PUSHED_IMAGE_PATTERN.fullmatch(image)
    if match is None:
        return "400 Bad Request", {"error": f"the image is {image}, must be NAME:TAG"}
    with CALL_LOCK:
        repositories = list(_find_repositories(match["name"], region))
        if len(repositories) != 1:
            return "404 Not Found", {
                "error": _explain_repositories(match["name"], region, repositories)
            }
        backend, repository = repositories[0]
        manifest = build_manifest(repository.name, match["tag"])
        try:
            pushed = backend.put_image(repository.name, json.dumps(manifest), match["tag"])
        except JsonRESTError as error:  # an image that is there, or a tag that must not move
            return "409 Conflict", {"error": error.message}
    return "200 OK", {
        "image": f"{repository.uri}:{match['tag']}",
        "digest": pushed.get_image_digest(),
    }


def _find_repositories(name: str, region: str | None) -> Iterable[tuple[Any, Any]]:
    """The repositories with a name, or whose name ends with it, of one region or of all."""
    for backend_region, backend in list(ecr_backends[ACCOUNT_ID].items()):
        if region in (None, backend_region):
            for repository in list(backend.repositories.values()):
                if repository.name == name or repository.name.endswith(f"/{name}"):
                    yield backend, repository


def _explain_repositories(name: str, region: str | None, matches: list[tuple[Any, Any]]) -> str:
    every = [
        repository.uri
        for backend_region, backend in ecr_backends[ACCOUNT_ID].items()
        if region in (None, backend_region)
        for repository in backend.repositories.values()
    ]
    place = region or "any region"
    if matches:
        uris = ", ".join(repository.uri for _, repository in matches)
        return f"{len(matches)} repositories are called {name}: {uris}"
    return f"no repository of {place} is called {name}; there is {', '.join(every) or 'none'}"


def _resolve(query: str) -> ApiReply:
    """The local URL for a URL."""
    url = parse_qs(query).get("url", [""])[0]
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "400 Bad Request", {"error": f"url is {url}, must be a URL of http or https"}
    with CALL_LOCK:
        load_balancer = _find_load_balancer(parts.hostname)
    if load_balancer is None:
        return "404 Not Found", {"error": f"{parts.hostname} has no record and is no load balancer"}
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        site = balancer.get_listener_url(load_balancer.arn, port)
    except (balancer.ListenerNotServedError, ValueError) as error:
        return "404 Not Found", {"error": str(error)}
    local = parts._replace(scheme="http", netloc=urlsplit(site).netloc)
    return "200 OK", {"url": local.geturl(), "host": parts.netloc}


def _find_load_balancer(host: str) -> Any:
    """The load balancer that a name leads to, by an alias record or its own; None without one."""
    by_name = {
        load_balancer.dns_name.lower(): load_balancer
        for backend in elbv2_backends[ACCOUNT_ID].values()
        for load_balancer in backend.load_balancers.values()
    }
    for zone in route53_backends[ACCOUNT_ID][AWS_PARTITION].zones.values():
        for record in zone.rrsets:
            if record.type == "A" and _normalize(record.name) == host and record.alias_target:
                target = _normalize(record.alias_target["DNSName"])
                return by_name.get(target.removeprefix("dualstack."))
    return by_name.get(host)


def _normalize(name: str) -> str:
    """A name as `urlsplit` has it: small letters, without the root's dot."""
    return name.lower().rstrip(".")
