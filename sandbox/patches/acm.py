"""ACM: a certificate is issued once its validation records are in Route 53."""

from typing import Any

from moto.acm.models import AWSCertificateManagerBackend, CertBundle
from moto.acm.responses import AWSCertificateManagerResponse
from moto.route53.models import route53_backends

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.patching import AwsError, ServicePatch, parse_request_parameters

patch = ServicePatch()
# Simulated seconds from the record to the certificate. AWS: "can take up to 30 minutes"; in
# practice, with Route 53, a few. Assumption.
VALIDATION_SECONDS = 3 * 60


@patch.wrap(AWSCertificateManagerResponse, "request_certificate")
def keep_key_algorithm(original: Any, response: AWSCertificateManagerResponse) -> Any:
    """Keeps the requested key algorithm: moto always creates RSA keys."""
    before = set(response.acm_backend._certificates)
    answer = original(response)
    params = parse_request_parameters(response)
    for arn in set(response.acm_backend._certificates) - before:
        bundle = response.acm_backend._certificates[arn]
        vars(bundle)["sandbox_algorithm"] = params.get("KeyAlgorithm", "RSA_2048")
        vars(bundle)["sandbox_method"] = params.get("ValidationMethod", "EMAIL")
    return answer


@patch.wrap(CertBundle, "describe")
def describe_bundle(original: Any, bundle: CertBundle) -> dict[str, Any]:
    description: dict[str, Any] = original(bundle)
    if algorithm := vars(bundle).get("sandbox_algorithm"):
        description["Certificate"]["KeyAlgorithm"] = algorithm
    # The field of a list with the first hundred names (API reference).
    description["Certificate"]["SubjectAlternativeNameSummaries"] = bundle.sans[:100]
    return description


@patch.wrap(CertBundle, "check")
def check_validation(original: Any, bundle: CertBundle) -> None:
    """Pending until its records have existed long enough; moto does not look at them."""
    is_waiting = bundle.type == "AMAZON_ISSUED" and bundle.status == "PENDING_VALIDATION"
    if not is_waiting or vars(bundle).get("sandbox_method") != "DNS":
        original(bundle)
        return
    if "sandbox_ready" not in vars(bundle):
        if not _list_validation_names(bundle) <= _list_cname_names(bundle):
            return
        vars(bundle)["sandbox_ready"] = get_sandbox_clock().get_completion_time(VALIDATION_SECONDS)
    if not is_in_future(vars(bundle)["sandbox_ready"]):
        bundle.status = "ISSUED"


def _list_validation_names(bundle: CertBundle) -> set[str]:
    options = bundle.describe()["Certificate"]["DomainValidationOptions"]
    return {o["ResourceRecord"]["Name"].rstrip(".").lower() for o in options}


def _list_cname_names(bundle: CertBundle) -> set[str]:
    """The CNAMEs of every hosted zone of the certificate's account."""
    account = bundle.arn.split(":")[4]
    zones = (z for backend in route53_backends[account].values() for z in backend.zones.values())
    records = (record for zone in zones for record in zone.rrsets)
    return {str(r.name).rstrip(".").lower() for r in records if str(r.type) == "CNAME"}


@patch.wrap(AWSCertificateManagerBackend, "delete_certificate")
def delete_unused_certificate(
    original: Any, backend: AWSCertificateManagerBackend, arn: str
) -> None:
    bundle = backend._certificates.get(arn)
    if bundle is not None and bundle.in_use_by:
        raise AwsError(
            "ResourceInUseException", f"Certificate {arn} in account {backend.account_id} is in use"
        )
    original(backend, arn)
