"""Names and handshakes of an in-memory AWS of this process: its zones and load balancers answer.

`answer_in_process` answers from what the listener has, without a socket, so that it also works in a
forked process; `answer_clients` by real TLS.
"""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.elbv2.ssl_policies import SSL_POLICIES

from ops.core.dns_query import RecordType
from ops.core.tls_handshake import ServedChain, TlsEndpoint, shake_hands
from sandbox import load_balancer as balancer
from sandbox.certificates import get_public_root
from sandbox.load_balancer.domain_names import (
    find_load_balancer,
    find_local_address,
    resolve_name,
)
from sandbox.load_balancer.state import find_tls_state

VERSION_NAMES = {
    ssl.TLSVersion.TLSv1: "TLSv1",
    ssl.TLSVersion.TLSv1_1: "TLSv1.1",
    ssl.TLSVersion.TLSv1_2: "TLSv1.2",
    ssl.TLSVersion.TLSv1_3: "TLSv1.3",
}


def find_local_endpoint(host: str, port: int) -> TlsEndpoint:
    """Where a name's listener answers in this process."""
    address = find_local_address(host, port)
    if address is None:
        raise OSError(f"{host} has no record that leads to a listener")
    return TlsEndpoint(*address, get_public_root().pem.decode())


def query_local_dns(name: str, kind: RecordType) -> list[str]:
    """What the zones of this process have."""
    return resolve_name(name, kind)


def shake_hands_in_process(
    host: str,
    port: int,
    server_name: str | None,
    *,
    version: ssl.TLSVersion | None = None,
    ciphers: str | None = None,
    seconds: float = 0,
) -> ServedChain:
    """What the listener that a name leads to would serve."""
    load_balancer = find_load_balancer(host)
    state = None if load_balancer is None else find_tls_state(load_balancer.arn, port)
    if state is None:
        raise OSError(f"{host} has no record that leads to a listener")
    policy: dict[str, Any] = SSL_POLICIES[state.policy]
    if version is not None and VERSION_NAMES[version] not in policy["ssl_protocols"]:
        raise ssl.SSLError("unsupported protocol")
    served = state.choose(server_name)
    is_elliptic = served.rank[0]
    if ciphers is not None and is_elliptic:  # all that are asked for need a key of RSA
        raise ssl.SSLError("no shared cipher")
    if ciphers is not None and not set(ciphers.split(":")) & set(policy["ciphers"]):
        raise ssl.SSLError("no shared cipher")
    return ServedChain(
        tuple(ssl.PEM_cert_to_DER_cert(pem.decode()) for pem in (served.pem, *served.chain)),
        policy["ssl_protocols"][0],
        policy["ciphers"][0],
        get_public_root().pem.decode(),
    )


@contextmanager
def answer_in_process() -> Iterator[None]:
    """Handshakes and questions to DNS are answered from the in-memory AWS in the block."""
    with (
        patch("ops.core.tls_handshake.shake_hands", shake_hands_in_process),
        patch("ops.core.dns_query.query_dns", query_local_dns),
    ):
        yield


@contextmanager
def answer_clients() -> Iterator[None]:
    """Handshakes are real ones with the load balancers of this process in the block."""
    with ExitStack() as stack:
        stack.enter_context(balancer.serve_load_balancers())
        stack.enter_context(patch("ops.core.tls_handshake.find_endpoint", find_local_endpoint))
        stack.enter_context(patch("ops.core.tls_handshake.shake_hands", shake_hands))
        stack.enter_context(patch("ops.core.dns_query.query_dns", query_local_dns))
        yield
