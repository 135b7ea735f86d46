"""Addresses of a served sandbox that AWS does not have: images, and names that Route 53 resolves.

    curl -X POST $AWS_ENDPOINT_URL/sandbox-api/images -d '{"image": "backend:v2"}'
    curl "$AWS_ENDPOINT_URL/sandbox-api/sites?url=https://app.example.com/health"

An image is pushed to the repository that has this name or ends with it. A name is resolved as by
DNS, from the alias records of the hosted zones and the load balancers' own names; the answer is the
local URL of the listener.

    curl "$AWS_ENDPOINT_URL/sandbox-api/dns?name=app.example.com&type=CAA"
    curl "$AWS_ENDPOINT_URL/sandbox-api/addresses?host=app.example.com&port=443"

What a resolver answers for a name: the values of its records, and of those that its CNAME leads to.
And the local address of a name's listener, with the root that its certificates are trusted by.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, urlsplit

from moto.core.exceptions import JsonRESTError
from moto.ecr.models import ecr_backends

from ops.core.sandbox_endpoint import (
    ADDRESSES_PATH,
    DNS_PATH,
    IMAGES_PATH,
    PUSHED_IMAGE_PATTERN,
)
from sandbox import load_balancer as balancer
from sandbox.aws import ACCOUNT_ID
from sandbox.certificates import get_public_root
from sandbox.image_push import build_manifest
from sandbox.load_balancer.domain_names import find_load_balancer, find_local_address, resolve_name
from sandbox.patches.serialization import CALL_LOCK

SITES_PATH: Final = "/sandbox-api/sites"
GET_PATHS: Final = (SITES_PATH, DNS_PATH, ADDRESSES_PATH)
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
            case "GET", path if path == DNS_PATH:
                status, content = _answer_dns_query(environ.get("QUERY_STRING", ""))
            case "GET", path if path == ADDRESSES_PATH:
                status, content = _find_address(environ.get("QUERY_STRING", ""))
            case _, path if path in (IMAGES_PATH, *GET_PATHS):
                status, content = "405 Method Not Allowed", {"error": "POST images, GET the others"}
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
        load_balancer = find_load_balancer(parts.hostname)
    if load_balancer is None:
        return "404 Not Found", {"error": f"{parts.hostname} has no record and is no load balancer"}
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        site = balancer.get_listener_url(load_balancer.arn, port)
    except (balancer.ListenerNotServedError, ValueError) as error:
        return "404 Not Found", {"error": str(error)}
    local = parts._replace(scheme="http", netloc=urlsplit(site).netloc)
    return "200 OK", {"url": local.geturl(), "host": parts.netloc}


def _answer_dns_query(query: str) -> ApiReply:
    """The values of a name's records."""
    params = parse_qs(query)
    name, kind = params.get("name", [""])[0], params.get("type", [""])[0]
    if not name or not kind:
        return "400 Bad Request", {"error": "name and type must be given"}
    with CALL_LOCK:
        return "200 OK", {"values": resolve_name(name, kind)}


def _find_address(query: str) -> ApiReply:
    """Where a listener of a name answers on this machine."""
    params = parse_qs(query)
    host, port = params.get("host", [""])[0], params.get("port", [""])[0]
    if not host or not port.isdecimal():
        return "400 Bad Request", {"error": "host and port must be given"}
    with CALL_LOCK:
        address = find_local_address(host, int(port))
    if address is None:
        return "404 Not Found", {"error": f"{host} has no record that leads to a listener"}
    return "200 OK", {
        "host": address[0],
        "port": address[1],
        "roots": get_public_root().pem.decode(),
    }
