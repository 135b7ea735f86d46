"""The load balancers of the sandbox answer HTTP, each listener at a local port.

with balancer.answering():
    ...                                    # an in-memory AWS with a load balancer in it
    site = balancer.url(load_balancer_arn, 443)

Off unless asked for. A listener answers by its rules, as they are at the moment of a request; its
targets answer as their image does (sandbox/image_behaviour.py). TLS ends in front of it: an HTTPS
listener takes plain HTTP too, and what it says of itself (X-Forwarded-Proto, redirects) is what an
HTTPS listener would say. A redirect to another listener of the same load balancer, requested at the
local address, leads to that listener's local port.

What it does not do: stickiness, authentication, AWS WAF, WebSockets, functions as targets.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.load_balancer.server import Local
from sandbox.load_balancer.state import known

__all__ = ["answering", "url"]
_open: dict[tuple[str, int], Local] | None = None
_opening = threading.Lock()


class NotAnsweringError(RuntimeError):
    """A load balancer is asked for where none answers."""


@contextmanager
def answering() -> Iterator[None]:
    """Load balancers of this process answer HTTP until the end of the block."""
    global _open
    if _open is not None:
        raise RuntimeError("load balancers answer in this process already")
    _open = {}
    try:
        yield
    finally:
        opened, _open = _open, None
        for local in opened.values():
            local.close()


def url(load_balancer_arn: str, port: int) -> str:
    """Where a listener answers, like http://127.0.0.1:40123; the same each time.

    Raises NotAnsweringError outside `answering()`, and where there is no such listener.
    """
    opened = _open
    if opened is None:
        raise NotAnsweringError("no load balancer answers here: use balancer.answering()")
    if not known(load_balancer_arn, port):
        raise NotAnsweringError(f"there is no listener at port {port} of {load_balancer_arn}")
    key = (load_balancer_arn, port)
    with _opening:
        if key not in opened:
            opened[key] = Local(load_balancer_arn, port, _elsewhere)
        return opened[key].url


def _elsewhere(load_balancer_arn: str, port: int) -> int | None:
    """The local port of another listener; None where there is none."""
    try:
        return int(url(load_balancer_arn, port).rpartition(":")[2])
    except NotAnsweringError:
        return None
