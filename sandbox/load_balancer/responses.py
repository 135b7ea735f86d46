"""A listener's answers: its own, or those of a target, which answers as its image does."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape
from http import HTTPStatus
from typing import Any, Final

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.load_balancer.rules import HttpRequest, build_redirect_url
from sandbox.load_balancer.state import ListenerState, RoutingDecision, TargetGroupState
from sandbox.load_balancer.stickiness import build_sticky_cookie
from sandbox.patches.ecs.targets import RegisteredTarget

LOAD_BALANCER_SERVER: Final = "awselb/2.0"  # the Server header of a load balancer's own answers
SLOW_IMAGE_SECONDS: Final = 20  # simulated seconds that a slow image takes; an assumption
WALL: Final = 1.0  # real seconds after which a slow image answers, whatever the simulated time
CLOCK_POLL_SECONDS: Final = 0.005  # seconds between polls of the clock


@dataclass(frozen=True)
class HttpResponse:
    """An HTTP answer."""

    status: int
    body: bytes
    type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)


def build_response(
    decision: RoutingDecision, request: HttpRequest, forwarded_headers: Mapping[str, str]
) -> HttpResponse:
    """The answer to a request. `forwarded` are the headers that the load balancer adds."""
    action = decision.action
    match action.get("Type"):
        case "fixed-response":
            return _build_fixed_response(action.get("FixedResponseConfig") or {})
        case "redirect":
            return _build_redirect_response(action.get("RedirectConfig") or {}, request)
        case "forward":
            return _build_forward_response(decision, request, forwarded_headers)
    return build_own_response(HTTPStatus.NOT_IMPLEMENTED)  # authentication: see the package


def build_own_response(
    status: HTTPStatus, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """A page of the load balancer itself."""
    title = escape(f"{status.value} {status.phrase}")
    page = (
        f"<html>\n<head><title>{title}</title></head>\n<body>\n"
        f"<center><h1>{title}</h1></center>\n</body>\n</html>\n"
    )
    return HttpResponse(
        status, page.encode(), headers={"Server": LOAD_BALANCER_SERVER, **(headers or {})}
    )


def _build_fixed_response(config: Mapping[str, Any]) -> HttpResponse:
    return HttpResponse(
        int(config["StatusCode"]),
        str(config.get("MessageBody") or "").encode(),
        str(config.get("ContentType") or "text/plain"),
        {"Server": LOAD_BALANCER_SERVER},
    )


def _build_redirect_response(config: Mapping[str, Any], request: HttpRequest) -> HttpResponse:
    status = HTTPStatus(int(str(config["StatusCode"]).removeprefix("HTTP_")))
    return build_own_response(status, {"Location": build_redirect_url(config, request)})


def _build_forward_response(
    decision: RoutingDecision, request: HttpRequest, forwarded_headers: Mapping[str, str]
) -> HttpResponse:
    """503 if no target is registered, 502 if it closes the connection, 504 if nothing listens."""
    if decision.group is None or decision.target is None:
        return build_own_response(HTTPStatus.SERVICE_UNAVAILABLE)
    response = _build_target_response(
        decision.listener, decision.group, decision.target, request, forwarded_headers
    )
    if seconds := decision.group.sticky_seconds:
        cookie = build_sticky_cookie(decision.target, seconds)
        return replace(response, headers={**response.headers, "Set-Cookie": cookie})
    return response


def _build_target_response(
    listener: ListenerState,
    group: TargetGroupState,
    target: RegisteredTarget,
    request: HttpRequest,
    forwarded_headers: Mapping[str, str],
) -> HttpResponse:
    response_fields = {
        "image": target.image,
        "target": target.name,
        "address": f"{target.id}:{target.port}",
        "path": request.path,
        "forwarded": dict(forwarded_headers),
    }
    match target.image_behaviour:
        case "healthy":
            status = HTTPStatus.OK
        case "slow":
            if request.path != group.health_path:
                _wait_simulated(SLOW_IMAGE_SECONDS)
            status = HTTPStatus.OK
        case "errors":
            is_health_check = request.path == group.health_path
            status = HTTPStatus.OK if is_health_check else HTTPStatus.INTERNAL_SERVER_ERROR
        case "unhealthy":
            status = HTTPStatus.SERVICE_UNAVAILABLE
        case None:
            return build_own_response(HTTPStatus.GATEWAY_TIMEOUT)
        case _:  # its process has ended: the port is closed
            return build_own_response(HTTPStatus.BAD_GATEWAY)
    return HttpResponse(status, (json.dumps(response_fields) + "\n").encode(), "application/json")


def _wait_simulated(seconds: float) -> None:
    """Waits for simulated seconds, but never long in real time."""
    ready_time, wall_deadline = (
        get_sandbox_clock().get_completion_time(seconds),
        time.monotonic() + WALL,
    )
    while is_in_future(ready_time) and time.monotonic() < wall_deadline:
        time.sleep(CLOCK_POLL_SECONDS)
