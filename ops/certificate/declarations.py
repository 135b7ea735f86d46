"""What the commands of `ops certificate` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.health.registry import list_view_calls
from ops.permissions.call_sets import CHANGE

_KNOWN: Final = ("acm.describe_certificate", "acm.list_certificates")
_BAD_CERTIFICATES: Final = ("nonsense", "arn:aws:acm:eu-north-1:1:certificate/x", "a b.example.com")
_BAD_NAMES: Final = (
    "localhost",
    "*.com",
    "app.*.example.com",
    "a_b.example.com",
    "x" * 70 + ".com",
)


DECLARATIONS: Final = (
    Declaration(
        "certificate attach",
        role="operator",
        calls=(
            *CHANGE,
            *_KNOWN,
            "acm.get_certificate",
            "elbv2.add_listener_certificates",
            "elbv2.describe_listener_certificates",
            "elbv2.describe_listeners",
            "elbv2.modify_listener",
            "elbv2.remove_listener_certificates",
        ),
        needs={"CERT": "www.example.com"},
        bad={"CERT": _BAD_CERTIFICATES, "--host": _BAD_NAMES},
    ),
    Declaration(
        "certificate check",
        role="reader",
        calls=list_view_calls("certificates"),
    ),
    Declaration(
        "certificate request",
        role="operator",
        calls=(
            *CHANGE,
            "acm.delete_certificate",
            "acm.describe_certificate",
            "acm.request_certificate",
            "resourcegroupstaggingapi.get_resources",
            "route53.get_hosted_zone",
            "route53.list_resource_record_sets",
        ),
        needs={"NAMES": "www.example.com"},
        bad={"NAMES": _BAD_NAMES},
    ),
    Declaration(
        "certificate show",
        role="reader",
        calls=(*_KNOWN, "elbv2.describe_listener_certificates", "rds.describe_db_instances"),
    ),
    Declaration(
        "certificate validate",
        role="operator",
        calls=(
            *CHANGE,
            *_KNOWN,
            "route53.change_resource_record_sets",
            "route53.get_hosted_zone",
            "route53.list_resource_record_sets",
        ),
        needs={"CERT": "www.example.com"},
        bad={"CERT": _BAD_CERTIFICATES},
    ),
)
