"""Which rule a request meets, and where a redirect leads: pure.

Source: ELB user guide for Application Load Balancers, "Condition types for listener rules" and
"Action types for listener rules".
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any, Final
from urllib.parse import parse_qsl

from pydantic import JsonValue

Condition = Mapping[str, Any]
PLACEHOLDER: Final = re.compile(r"#\{(protocol|host|port|path|query)\}")


@dataclass(frozen=True)
class Request:
    """A request as a listener gets it. `headers` have names in small letters.

    `protocol` and `port` are the listener's, `host` is without a port, `path` without the query.
    """

    method: str
    protocol: str
    host: str
    port: int
    path: str
    query: str
    headers: Mapping[str, str]
    source: str


@dataclass(frozen=True)
class Rule:
    """Conditions that must all hold, and the action that then comes."""

    priority: int
    conditions: tuple[Condition, ...]
    action: Mapping[str, Any]


def met(rules: Iterable[Rule], request: Request) -> Rule | None:
    """The first rule, by priority, whose conditions all hold."""
    ordered = sorted(rules, key=lambda rule: rule.priority)
    return next((rule for rule in ordered if all(holds(c, request) for c in rule.conditions)), None)


def holds(condition: Condition, request: Request) -> bool:
    """Whether one of a condition's values fits. A field that there is not never does."""
    field = str(condition.get("Field"))
    if field not in _FIELDS:
        return False
    key, fits = _FIELDS[field]
    config: Mapping[str, Any] = condition.get(key) or condition
    return any(fits(value, request, config) for value in config.get("Values") or ())


Fits = Callable[[Any, Request, Mapping[str, Any]], bool]


def _path(value: Any, request: Request, _: Condition) -> bool:
    return like(value, request.path)


def _host(value: Any, request: Request, _: Condition) -> bool:
    return like(value, request.host, small=True)


def _header(value: Any, request: Request, config: Condition) -> bool:
    seen = request.headers.get(str(config.get("HttpHeaderName")).lower())
    return seen is not None and like(value, seen, small=True)


def _method(value: Any, request: Request, _: Condition) -> bool:
    return bool(value == request.method)


def _query(value: Any, request: Request, _: Condition) -> bool:
    """A pair whose key and value both fit; without a key any pair's value."""
    key, wanted = value.get("Key"), value.get("Value") or ""
    return any(
        (not key or like(key, name, small=True)) and like(wanted, text, small=True)
        for name, text in parse_qsl(request.query, keep_blank_values=True)
    )


def _source(value: Any, request: Request, _: Condition) -> bool:
    return ip_address(request.source) in ip_network(value, strict=False)


_FIELDS: Final[Mapping[str, tuple[str, Fits]]] = {
    "path-pattern": ("PathPatternConfig", _path),
    "host-header": ("HostHeaderConfig", _host),
    "http-header": ("HttpHeaderConfig", _header),
    "http-request-method": ("HttpRequestMethodConfig", _method),
    "query-string": ("QueryStringConfig", _query),
    "source-ip": ("SourceIpConfig", _source),
}


def like(pattern: str, text: str, *, small: bool = False) -> bool:
    """Whether a text fits a pattern: `*` is any characters, `?` is one. `small` ignores case."""
    return _compiled(pattern, small).fullmatch(text) is not None


@cache
def _compiled(pattern: str, small: bool) -> re.Pattern[str]:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if small else 0))


def location(redirect: Mapping[str, JsonValue], request: Request) -> str:
    """The URL that a redirect leads to, with AWS's defaults: what is not said stays as it is."""
    now = {
        "protocol": request.protocol.lower(),
        "host": request.host,
        "port": str(request.port),
        "path": request.path.removeprefix("/"),
        "query": request.query,
    }

    def filled(key: str, default: str) -> str:
        return PLACEHOLDER.sub(lambda found: now[found[1]], str(redirect.get(key) or default))

    protocol = filled("Protocol", "#{protocol}").lower()
    query = filled("Query", "#{query}")
    address = f"{filled('Host', '#{host}')}:{filled('Port', '#{port}')}"
    return f"{protocol}://{address}{filled('Path', '/#{path}')}{f'?{query}' if query else ''}"
