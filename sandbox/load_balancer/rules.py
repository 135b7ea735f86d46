"""The rule that a request matches, and the URL of a redirect: pure functions.

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

RuleCondition = Mapping[str, Any]
REDIRECT_PLACEHOLDER: Final = re.compile(r"#\{(protocol|host|port|path|query)\}")


@dataclass(frozen=True)
class HttpRequest:
    """A request as a listener gets it. `headers` have lowercase names.

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
class ListenerRule:
    """Conditions that must all hold, and the action that follows."""

    priority: int
    conditions: tuple[RuleCondition, ...]
    action: Mapping[str, Any]


def find_matching_rule(rules: Iterable[ListenerRule], request: HttpRequest) -> ListenerRule | None:
    """The first rule, by priority, whose conditions all hold."""
    ordered_rules = sorted(rules, key=lambda rule: rule.priority)
    return next(
        (
            rule
            for rule in ordered_rules
            if all(is_condition_met(condition, request) for condition in rule.conditions)
        ),
        None,
    )


def is_condition_met(condition: RuleCondition, request: HttpRequest) -> bool:
    """True if one of a condition's values matches; an unknown field never does."""
    field = str(condition.get("Field"))
    if field not in _CONDITION_FIELDS:
        return False
    key, matches = _CONDITION_FIELDS[field]
    config: Mapping[str, Any] = condition.get(key) or condition
    return any(matches(value, request, config) for value in config.get("Values") or ())


ConditionMatcher = Callable[[Any, HttpRequest, Mapping[str, Any]], bool]


def _matches_path(value: Any, request: HttpRequest, _: RuleCondition) -> bool:
    return matches_pattern(value, request.path)


def _matches_host(value: Any, request: HttpRequest, _: RuleCondition) -> bool:
    return matches_pattern(value, request.host, ignore_case=True)


def _matches_header(value: Any, request: HttpRequest, config: RuleCondition) -> bool:
    header_value = request.headers.get(str(config.get("HttpHeaderName")).lower())
    return header_value is not None and matches_pattern(value, header_value, ignore_case=True)


def _matches_method(value: Any, request: HttpRequest, _: RuleCondition) -> bool:
    return bool(value == request.method)


def _matches_query(value: Any, request: HttpRequest, _: RuleCondition) -> bool:
    """True if a pair's key and value both match; without a key any pair's value."""
    key, value_pattern = value.get("Key"), value.get("Value") or ""
    return any(
        (not key or matches_pattern(key, name, ignore_case=True))
        and matches_pattern(value_pattern, text, ignore_case=True)
        for name, text in parse_qsl(request.query, keep_blank_values=True)
    )


def _matches_source(value: Any, request: HttpRequest, _: RuleCondition) -> bool:
    return ip_address(request.source) in ip_network(value, strict=False)


_CONDITION_FIELDS: Final[Mapping[str, tuple[str, ConditionMatcher]]] = {
    "path-pattern": ("PathPatternConfig", _matches_path),
    "host-header": ("HostHeaderConfig", _matches_host),
    "http-header": ("HttpHeaderConfig", _matches_header),
    "http-request-method": ("HttpRequestMethodConfig", _matches_method),
    "query-string": ("QueryStringConfig", _matches_query),
    "source-ip": ("SourceIpConfig", _matches_source),
}


def matches_pattern(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """True if a text matches a pattern: `*` is any characters, `?` is one character."""
    return _compile_pattern(pattern, ignore_case).fullmatch(text) is not None


@cache
def _compile_pattern(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    parts = (
        ".*" if character == "*" else "." if character == "?" else re.escape(character)
        for character in pattern
    )
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def build_redirect_url(redirect: Mapping[str, JsonValue], request: HttpRequest) -> str:
    """The URL of a redirect. By AWS's defaults, parts that are not set stay as requested."""
    request_values = {
        "protocol": request.protocol.lower(),
        "host": request.host,
        "port": str(request.port),
        "path": request.path.removeprefix("/"),
        "query": request.query,
    }

    def fill_placeholders(key: str, default: str) -> str:
        return REDIRECT_PLACEHOLDER.sub(
            lambda placeholder: request_values[placeholder[1]], str(redirect.get(key) or default)
        )

    protocol = fill_placeholders("Protocol", "#{protocol}").lower()
    query = fill_placeholders("Query", "#{query}")
    address = f"{fill_placeholders('Host', '#{host}')}:{fill_placeholders('Port', '#{port}')}"
    path = fill_placeholders("Path", "/#{path}")
    return f"{protocol}://{address}{path}{f'?{query}' if query else ''}"
