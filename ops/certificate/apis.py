"""The calls that certificates are read by, and the stacks that have any. Pure data."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ops.outputs import Outputs

CERTIFICATES_AREA: Final = "certificate"
CERTIFICATE_BODY_API: Final = "acm.get_certificate"
LISTENER_CERTIFICATES_API: Final = "elbv2.describe_listener_certificates"
LISTENERS_API: Final = "elbv2.describe_listeners"


def has_https(outputs: "Outputs") -> bool:
    """True if the stack has a load balancer with a certificate."""
    part = outputs.load_balancer
    return part is not None and part.certificate_arn is not None
