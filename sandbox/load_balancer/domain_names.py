"""Names as a resolver answers them, from the hosted zones and the load balancers of the sandbox."""

import hashlib
from typing import Any, Final
from urllib.parse import urlsplit

from moto.elbv2.models import elbv2_backends
from moto.route53.models import route53_backends

from sandbox import load_balancer as balancer
from sandbox.aws import ACCOUNT_ID, AWS_PARTITION

MAX_ALIASES: Final = 8  # CNAMEs in a row that a resolver follows; an assumption
ADDRESS_COUNT: Final = 2  # addresses of a load balancer


def find_load_balancer(host: str) -> Any:
    """The load balancer that a name leads to, by an alias record or its own; None without one."""
    host = _normalize(host)
    by_name = {
        load_balancer.dns_name.lower(): load_balancer
        for backend in elbv2_backends[ACCOUNT_ID].values()
        for load_balancer in backend.load_balancers.values()
    }
    for record in _list_records():
        if record.type == "A" and _normalize(record.name) == host and record.alias_target:
            target = _normalize(record.alias_target["DNSName"])
            return by_name.get(target.removeprefix("dualstack."))
    return by_name.get(host)


def find_local_address(host: str, port: int) -> tuple[str, int] | None:
    """Where the listener that a name leads to answers on this machine; None if it leads nowhere."""
    load_balancer = find_load_balancer(host)
    if load_balancer is None:
        return None
    try:
        site = urlsplit(balancer.get_listener_url(load_balancer.arn, port))
    except balancer.ListenerNotServedError:
        return None
    assert site.hostname is not None
    assert site.port is not None
    return site.hostname, site.port


def resolve_name(name: str, kind: str) -> list[str]:
    """The values of a name's records of a kind, over its CNAMEs; empty if there are none.

    The addresses of a load balancer are of a range for documentation (RFC 5737), always the same.
    """
    name = _normalize(name)
    for _ in range(MAX_ALIASES):
        if kind == "A" and (load_balancer := find_load_balancer(name)) is not None:
            digest = hashlib.sha256(load_balancer.arn.encode()).digest()
            return [f"203.0.113.{digest[n]}" for n in range(ADDRESS_COUNT)]
        values = [
            str(value)
            for record in _list_records()
            if record.type == kind and _normalize(record.name) == name
            for value in record.records or ()
        ]
        aliases = [
            str(value)
            for record in _list_records()
            if record.type == "CNAME" and _normalize(record.name) == name
            for value in record.records or ()
        ]
        if values or not aliases:
            return [_normalize(value) for value in values] if kind == "CNAME" else values
        name = _normalize(aliases[0])
    return []


def _list_records() -> list[Any]:
    zones = route53_backends[ACCOUNT_ID][AWS_PARTITION].zones.values()
    return [record for zone in list(zones) for record in list(zone.rrsets)]


def _normalize(name: str) -> str:
    """A name in small letters, without the root's dot."""
    return str(name).lower().rstrip(".")
