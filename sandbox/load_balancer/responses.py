"""What a listener answers: by itself, or through a target that answers as its image does."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from typing import Any, Final

from sandbox.clock import clock, pending
from sandbox.load_balancer.rules import Request, location
from sandbox.load_balancer.state import Decision, Group, Listener
from sandbox.patches.ecs.targets import Target

ITSELF: Final = "awselb/2.0"  # what a load balancer calls itself in its own answers
SLOW: Final = 20  # simulated seconds that a slow image takes; an assumption
WALL: Final = 1.0  # seconds of the wall after which a slow image answers, whatever the clock says
LOOK: Final = 0.005  # seconds between looks at the clock


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(decision: Decision, request: Request, forwarded: Mapping[str, str]) -> Answer:
    """The answer to a request. `forwarded` are the headers that the load balancer adds."""
    action = decision.action
    match action.get("Type"):
        case "fixed-response":
            return _fixed(action.get("FixedResponseConfig") or {})
        case "redirect":
            return _redirect(action.get("RedirectConfig") or {}, request)
        case "forward":
            return _forward(decision, request, forwarded)
    return own(HTTPStatus.NOT_IMPLEMENTED)  # authentication: see the package


def own(status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Answer:
    """A page of the load balancer itself."""
    title = escape(f"{status.value} {status.phrase}")
    page = (
        f"<html>\n<head><title>{title}</title></head>\n<body>\n"
        f"<center><h1>{title}</h1></center>\n</body>\n</html>\n"
    )
    return Answer(status, page.encode(), headers={"Server": ITSELF, **(headers or {})})


def _fixed(config: Mapping[str, Any]) -> Answer:
    return Answer(
        int(config["StatusCode"]),
        str(config.get("MessageBody") or "").encode(),
        str(config.get("ContentType") or "text/plain"),
        {"Server": ITSELF},
    )


def _redirect(config: Mapping[str, Any], request: Request) -> Answer:
    status = HTTPStatus(int(str(config["StatusCode"]).removeprefix("HTTP_")))
    return own(status, {"Location": location(config, request)})


def _forward(decision: Decision, request: Request, forwarded: Mapping[str, str]) -> Answer:
    """503 where no target is registered, 502 where it closes, 504 where nobody listens."""
    if decision.group is None or decision.target is None:
        return own(HTTPStatus.SERVICE_UNAVAILABLE)
    return _target(decision.listener, decision.group, decision.target, request, forwarded)


def _target(
    listener: Listener,
    group: Group,
    target: Target,
    request: Request,
    forwarded: Mapping[str, str],
) -> Answer:
    says = {
        "image": target.image,
        "target": target.name,
        "address": f"{target.id}:{target.port}",
        "path": request.path,
        "forwarded": dict(forwarded),
    }
    match target.answers:
        case "healthy":
            status = HTTPStatus.OK
        case "slow":
            if request.path != group.health_path:
                _take(SLOW)
            status = HTTPStatus.OK
        case "errors":
            healthy = request.path == group.health_path
            status = HTTPStatus.OK if healthy else HTTPStatus.INTERNAL_SERVER_ERROR
        case "unhealthy":
            status = HTTPStatus.SERVICE_UNAVAILABLE
        case None:
            return own(HTTPStatus.GATEWAY_TIMEOUT)
        case _:  # its process has ended: the port is closed
            return own(HTTPStatus.BAD_GATEWAY)
    return Answer(status, (json.dumps(says) + "\n").encode(), "application/json")


def _take(seconds: float) -> None:
    """Lets simulated time pass, as far as that does not take long."""
    until, end = clock().ready(seconds), time.monotonic() + WALL
    while pending(until) and time.monotonic() < end:
        time.sleep(LOOK)
