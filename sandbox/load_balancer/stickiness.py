"""Sticky sessions by duration: the cookie that leads a client to the target of its last answer.

Source: ELB user guide for Application Load Balancers, "Sticky sessions": the cookie AWSALB names
the target, and is sent with each answer; a target that is not healthy, or a cookie that has
expired, is forgotten. Its value is encrypted in AWS; here it is only encoded.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import timedelta
from email.utils import format_datetime
from http.cookies import CookieError, SimpleCookie
from typing import Final

from moto.elbv2.models import FakeTargetGroup

from sandbox.clock import get_sandbox_clock
from sandbox.load_balancer.rules import HttpRequest
from sandbox.patches.ecs.targets import RegisteredTarget

STICKY_COOKIE: Final = "AWSALB"


def get_sticky_seconds(group: FakeTargetGroup) -> int:
    """How long a client stays with its target; 0 if the group is not sticky."""
    attributes = group.attributes
    if str(attributes.get("stickiness.enabled")).lower() != "true":
        return 0
    return int(str(attributes.get("stickiness.lb_cookie.duration_seconds", 86_400)))


def build_sticky_cookie(target: RegisteredTarget, seconds: int) -> str:
    """The Set-Cookie header of an answer of the target."""
    expires = get_sandbox_clock().now() + timedelta(seconds=seconds)
    text = json.dumps([target.id, target.port, expires.timestamp()])
    value = base64.urlsafe_b64encode(text.encode()).decode()
    return f"{STICKY_COOKIE}={value}; Expires={format_datetime(expires, usegmt=True)}; Path=/"


def find_sticky_target(
    request: HttpRequest, targets: Sequence[RegisteredTarget]
) -> RegisteredTarget | None:
    """The target that the request's cookie names, if it is one of these and has not expired."""
    try:
        cookie = SimpleCookie(request.headers.get("cookie", ""))[STICKY_COOKIE].value
        target_id, port, expires = json.loads(base64.urlsafe_b64decode(cookie))
    except (CookieError, KeyError, ValueError, TypeError, binascii.Error):
        return None
    if float(expires) <= get_sandbox_clock().now().timestamp():
        return None
    return next((t for t in targets if (t.id, t.port) == (target_id, port)), None)
