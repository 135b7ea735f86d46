"""ACM: a certificate is issued when its validation records stand in Route 53."""

from typing import Any

from moto.acm.models import AWSCertificateManagerBackend, CertBundle
from moto.acm.responses import AWSCertificateManagerResponse
from moto.route53.models import route53_backends

from sandbox.clock import clock, pending
from sandbox.patches.patching import Mend, Refused, parameters

mend = Mend()
# Simulated seconds from the record to the certificate. AWS: "can take up to 30 minutes"; in
# practice, with Route 53, a few. Assumption.
VALIDATION = 3 * 60


@mend.around(AWSCertificateManagerResponse, "request_certificate")
def request(original: Any, response: AWSCertificateManagerResponse) -> Any:
    """Keeps the key algorithm: moto makes RSA keys whatever is asked for."""
    before = set(response.acm_backend._certificates)
    answer = original(response)
    given = parameters(response)
    for arn in set(response.acm_backend._certificates) - before:
        bundle = response.acm_backend._certificates[arn]
        vars(bundle)["mended_algorithm"] = given.get("KeyAlgorithm", "RSA_2048")
        vars(bundle)["mended_method"] = given.get("ValidationMethod", "EMAIL")
    return answer


@mend.around(CertBundle, "describe")
def describe(original: Any, bundle: CertBundle) -> dict[str, Any]:
    found: dict[str, Any] = original(bundle)
    if algorithm := vars(bundle).get("mended_algorithm"):
        found["Certificate"]["KeyAlgorithm"] = algorithm
    # What a list has instead of all names, for the first hundred of them (API reference).
    found["Certificate"]["SubjectAlternativeNameSummaries"] = bundle.sans[:100]
    return found


@mend.around(CertBundle, "check")
def check(original: Any, bundle: CertBundle) -> None:
    """Pending until its records stand for long enough. moto issues it after a while regardless."""
    waits = bundle.type == "AMAZON_ISSUED" and bundle.status == "PENDING_VALIDATION"
    if not waits or vars(bundle).get("mended_method") != "DNS":
        original(bundle)
        return
    if "mended_ready" not in vars(bundle):
        if not _records(bundle) <= _standing(bundle):
            return
        vars(bundle)["mended_ready"] = clock().ready(VALIDATION)
    if not pending(vars(bundle)["mended_ready"]):
        bundle.status = "ISSUED"


def _records(bundle: CertBundle) -> set[str]:
    options = bundle.describe()["Certificate"]["DomainValidationOptions"]
    return {o["ResourceRecord"]["Name"].rstrip(".").lower() for o in options}


def _standing(bundle: CertBundle) -> set[str]:
    """The CNAMEs of every hosted zone of the certificate's account."""
    account = bundle.arn.split(":")[4]
    zones = (z for backend in route53_backends[account].values() for z in backend.zones.values())
    records = (record for zone in zones for record in zone.rrsets)
    return {str(r.name).rstrip(".").lower() for r in records if str(r.type) == "CNAME"}


@mend.around(AWSCertificateManagerBackend, "delete_certificate")
def delete(original: Any, backend: AWSCertificateManagerBackend, arn: str) -> None:
    bundle = backend._certificates.get(arn)
    if bundle is not None and bundle.in_use_by:
        raise Refused(
            "ResourceInUseException", f"Certificate {arn} in account {backend.account_id} is in use"
        )
    original(backend, arn)
