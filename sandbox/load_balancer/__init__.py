"""The load balancers of the sandbox serve HTTP, each listener at a local port.

with balancer.serve_load_balancers():
    ...                                    # an in-memory AWS with a load balancer
    site = balancer.get_listener_url(load_balancer_arn, 443)

Off unless switched on. A listener answers by its rules at the moment of a request; its targets
answer as their image does (sandbox/image_behaviour.py). An HTTPS listener speaks TLS with those who
do, and takes plain HTTP as well, so that programs need not trust the sandbox's authority;
X-Forwarded-Proto and redirects are those of HTTPS for both. A redirect to another
listener of the same load balancer, requested at the local address, leads to its local port.

It has no application cookies, authentication, AWS WAF, WebSockets, or functions as targets.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.load_balancer.server import LocalListener
from sandbox.load_balancer.state import is_listener

__all__ = ["ListenerNotServedError", "get_listener_url", "serve_load_balancers"]
_open_listeners: dict[tuple[str, int], LocalListener] | None = None
_open_lock = threading.Lock()


class ListenerNotServedError(RuntimeError):
    """The URL of a listener that is not served was requested."""


@contextmanager
def serve_load_balancers() -> Iterator[None]:
    """Serves the load balancers of this process over HTTP until the end of the block."""
    global _open_listeners
    if _open_listeners is not None:
        raise RuntimeError("load balancers answer in this process already")
    _open_listeners = {}
    try:
        yield
    finally:
        open_listeners, _open_listeners = _open_listeners, None
        for local_listener in open_listeners.values():
            local_listener.close()


def get_listener_url(load_balancer_arn: str, port: int) -> str:
    """The URL of a listener, like http://127.0.0.1:40123; the same each time.

    Raises ListenerNotServedError outside `serve_load_balancers()` or without such a listener.
    """
    open_listeners = _open_listeners
    if open_listeners is None:
        raise ListenerNotServedError("no load balancer answers here: use serve_load_balancers()")
    if not is_listener(load_balancer_arn, port):
        raise ListenerNotServedError(f"there is no listener at port {port} of {load_balancer_arn}")
    key = (load_balancer_arn, port)
    with _open_lock:
        if key not in open_listeners:
            open_listeners[key] = LocalListener(load_balancer_arn, port, _find_local_port)
        return open_listeners[key].url


def _find_local_port(load_balancer_arn: str, port: int) -> int | None:
    """The local port of another listener; None if there is none."""
    try:
        return int(get_listener_url(load_balancer_arn, port).rpartition(":")[2])
    except ListenerNotServedError:
        return None
