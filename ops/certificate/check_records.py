"""The checks of certificates. Pure data; the routines are in ops/certificate/checks.py."""

from typing import Final

from ops.certificate.apis import (
    CERTIFICATE_BODY_API,
    CERTIFICATES_AREA,
    LISTENER_CERTIFICATES_API,
    LISTENERS_API,
    has_https,
)
from ops.core.check_record import CERTIFICATE_REPORTS, ROTATION_REPORTS, Check
from ops.findings.waiver_calls import WAIVER_CALLS

CHECKS: Final = (
    Check(
        key="certificate-renewal",
        area=CERTIFICATES_AREA,
        title="certificates of the load balancer",
        failure="A certificate has ended, ends within 30 days, or ACM cannot renew it.",
        calls=("acm.describe_certificate", LISTENER_CERTIFICATES_API, *WAIVER_CALLS),
        routine="ops.certificate.checks:check_renewal",
        reports=(*CERTIFICATE_REPORTS, *ROTATION_REPORTS),
        lines=("certificates",),
        is_applicable=has_https,
    ),
    Check(
        key="certificate-served",
        area=CERTIFICATES_AREA,
        title="certificates as they are served",
        failure="A client is shown another certificate, one that it does not trust, or old TLS.",
        calls=(CERTIFICATE_BODY_API, LISTENER_CERTIFICATES_API, LISTENERS_API, *WAIVER_CALLS),
        routine="ops.certificate.served_checks:check_served",
        reports=CERTIFICATE_REPORTS,
        lines=("certificates",),
        is_applicable=has_https,
    ),
)
