"""How the load balancers of the network speak to clients, and what guards them."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from components.facts.load_balancer import BALANCER_LOG_PREFIX
from ops.audit.model import AuditReport, close_report
from ops.audit.rules import AuditRule, add_broken
from ops.core.checks import CheckFacts, CheckRoutine, ReadAnswer, build_read
from ops.core.counts import format_count
from ops.outputs import Outputs

_BALANCERS_API: Final = "elbv2.describe_load_balancers"
_ATTRIBUTES_API: Final = "elbv2.describe_load_balancer_attributes"
_LISTENERS_API: Final = "elbv2.describe_listeners"
_WEB_ACL_API: Final = "wafv2.get_web_acl_for_resource"
LOAD_BALANCERS_KEY: Final = "load-balancers"
_GONE_CODES: Final = ("LoadBalancerNotFound", "WAFNonexistentItemException")
_APPLICATION: Final = "application"
# What FSBP ELB.17 recommends has one of these in its name: no TLS 1.0 and 1.1, no weak ciphers.
# Those named TLS13-1-0, TLS13-1-1, TLS-1-2, FS-1-2 or Ext take one of these.
_SAFE_POLICY_PARTS: Final = ("TLS13-1-2", "TLS13-1-3")
_WEAK_POLICY_PART: Final = "-Ext"
_NEW_TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"  # of those of ELB.17
_REDIRECT: Final = shlex.quote(
    json.dumps(
        [
            {
                "Type": "redirect",
                "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
            }
        ]
    )
)
_SET_ATTRIBUTES: Final = (
    "aws elbv2 modify-load-balancer-attributes --region {region} --load-balancer-arn {arn} "
    "--attributes "
)
_SET_LISTENER: Final = "aws elbv2 modify-listener --region {region} --listener-arn {arn} "


def _build_attribute_test(name: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda attributes: attributes.get(name) != "true"


_HEADERS_RULE: Final = AuditRule(
    "invalid-headers",
    _build_attribute_test("routing.http.drop_invalid_header_fields.enabled"),
    "medium",
    "FSBP ELB.4",
    "headers that are not valid reach the services: requests can be smuggled",
    f"{_SET_ATTRIBUTES}Key=routing.http.drop_invalid_header_fields.enabled,Value=true",
)
_DELETION_RULE: Final = AuditRule(
    "deletion",
    _build_attribute_test("deletion_protection.enabled"),
    "medium",
    "FSBP ELB.6",
    "one call deletes it: it has no deletion protection",
    f"{_SET_ATTRIBUTES}Key=deletion_protection.enabled,Value=true",
)
_ACCESS_LOGS_RULE: Final = AuditRule(
    "access-logs",
    _build_attribute_test("access_logs.s3.enabled"),
    "medium",
    "FSBP ELB.5",
    "who asked for what is not logged",
    f"{_SET_ATTRIBUTES}Key=access_logs.s3.enabled,Value=true Key=access_logs.s3.bucket,"
    f"Value={{bucket}} Key=access_logs.s3.prefix,Value={BALANCER_LOG_PREFIX}",
)
_WEB_ACL_RULE: Final = AuditRule(
    "web-acl",
    lambda answer: not answer.get("WebACL"),
    "high",
    "FSBP ELB.16",
    "no web ACL looks at its requests: the stack's one is not attached",
    "aws wafv2 associate-web-acl --region {region} --web-acl-arn {web_acl} --resource-arn {arn}",
)
_LISTENER_RULES: Final = (
    AuditRule(
        "tls-policy",
        lambda listener: (
            listener["Protocol"] in ("HTTPS", "TLS")
            and not is_safe_policy(str(listener.get("SslPolicy", "")))
        ),
        "high",
        "FSBP ELB.17",
        "port {port} takes old TLS or weak ciphers ({policy})",
        f"{_SET_LISTENER}--ssl-policy {_NEW_TLS_POLICY}",
    ),
)
_REDIRECT_RULE: Final = AuditRule(
    "redirect",
    lambda listener: (
        listener["Protocol"] == "HTTP"
        and [action["Type"] for action in listener.get("DefaultActions", ())] != ["redirect"]
    ),
    "high",
    "FSBP ELB.1, ELB.18",
    "port {port} serves without TLS what anybody on the way can read and change",
    f"{_SET_LISTENER}--default-actions {_REDIRECT.replace('{', '{{').replace('}', '}}')}",
)


def check_load_balancers(facts: CheckFacts) -> CheckRoutine:
    """Judges each load balancer of the VPC: attributes, listeners and web ACL.

    What the settings of the stack leave out on purpose is not judged: access logs and a web ACL if
    there are none, the redirect if no listener has a certificate, deletion protection if nothing is
    protected.
    """
    report, outputs = AuditReport(facts, LOAD_BALANCERS_KEY, "load balancers"), facts.outputs
    (list_answer,) = yield [build_read(_BALANCERS_API, "LoadBalancers")]
    balancers = [
        item
        for item in report.get_items(list_answer)
        if item.get("VpcId") == outputs.network.vpc_id
    ]
    web_acl = outputs.load_balancer.web_acl_arn if outputs.load_balancer else None
    names = [str(item["LoadBalancerName"]) for item in balancers]
    answers = yield [
        build_read(api, items_key, absent_codes=_GONE_CODES, **{parameter: item["LoadBalancerArn"]})
        for item in balancers
        for api, items_key, parameter in (
            (_ATTRIBUTES_API, "Attributes", "LoadBalancerArn"),
            (_LISTENERS_API, "Listeners", "LoadBalancerArn"),
            *([(_WEB_ACL_API, "", "ResourceArn")] if _is_behind_acl(item, web_acl) else []),
        )
    ]
    remaining = iter(answers)
    for item, name in zip(balancers, names, strict=True):
        _judge_attributes(report, outputs, item, next(remaining))
        _judge_listeners(report, name, next(remaining))
        if _is_behind_acl(item, web_acl):
            _judge_web_acl(report, item, web_acl, next(remaining))
    looked_at = f"{format_count(len(balancers), 'load balancer')}: TLS 1.2 or newer, and guarded"
    return (yield from close_report(report, looked_at))


def is_safe_policy(policy: str) -> bool:
    """True for a security policy without TLS 1.0, TLS 1.1 and weak ciphers."""
    return _WEAK_POLICY_PART not in policy and any(part in policy for part in _SAFE_POLICY_PARTS)


def _is_behind_acl(balancer: Mapping[str, Any], web_acl: str | None) -> bool:
    return web_acl is not None and balancer.get("Type") == _APPLICATION


def _judge_attributes(
    report: AuditReport, outputs: Outputs, balancer: Mapping[str, Any], answer: ReadAnswer
) -> None:
    name = str(balancer["LoadBalancerName"])
    attributes = {str(i["Key"]): str(i["Value"]) for i in report.get_items(answer, name)}
    if not attributes:
        return
    bucket = outputs.load_balancer.access_log_bucket if outputs.load_balancer else None
    is_application = balancer.get("Type") == _APPLICATION
    rules = [
        *([_HEADERS_RULE] if is_application else []),
        *([_ACCESS_LOGS_RULE] if is_application and bucket else []),
        *([_DELETION_RULE] if outputs.stack.protect else []),
    ]
    add_broken(
        report,
        rules,
        attributes,
        name,
        since=str(balancer.get("CreatedTime") or ""),
        region=outputs.stack.region,
        arn=balancer["LoadBalancerArn"],
        bucket=bucket,
    )


def _judge_listeners(report: AuditReport, name: str, answer: ReadAnswer) -> None:
    listeners: Sequence[Mapping[str, Any]] = report.get_items(answer, name)
    has_tls = any(listener["Protocol"] == "HTTPS" for listener in listeners)
    for listener in listeners:
        add_broken(
            report,
            [*_LISTENER_RULES, *([_REDIRECT_RULE] if has_tls else [])],
            listener,
            name,
            resource=f"{name}/{listener['Port']}",
            region=report.facts.outputs.stack.region,
            arn=listener["ListenerArn"],
            port=listener["Port"],
            policy=listener.get("SslPolicy"),
        )


def _judge_web_acl(
    report: AuditReport, balancer: Mapping[str, Any], web_acl: str | None, answer: ReadAnswer
) -> None:
    """Without one, AWS answers with none, or that there is no such item."""
    items = report.get_items(answer, str(balancer["LoadBalancerName"]))
    if isinstance(answer, list):
        add_broken(
            report,
            [_WEB_ACL_RULE],
            items[0] if items else {},
            str(balancer["LoadBalancerName"]),
            region=report.facts.outputs.stack.region,
            arn=balancer["LoadBalancerArn"],
            web_acl=web_acl,
        )
