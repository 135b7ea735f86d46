"""ACM: certificates that are validated by DNS, issued by the sandbox's authority, and renewed.

Sources: ACM User Guide, "DNS validation", "Managed certificate renewal", "Renewal for domains
validated by DNS", "Troubleshooting CAA problems"; ACM API reference, CertificateDetail,
RenewalSummary.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from moto.acm.models import AWSCertificateManagerBackend, CertBundle
from moto.acm.responses import AWSCertificateManagerResponse
from moto.route53.models import route53_backends

from sandbox.certificates import (
    SignedCertificate,
    get_public_intermediate,
    get_public_root,
    issue_certificate,
)
from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.patching import AwsError, ServicePatch, parse_request_parameters

patch = ServicePatch()
# Simulated seconds from the record to the certificate. AWS: "can take up to 30 minutes"; in
# practice, with Route 53, a few. Assumption.
VALIDATION_SECONDS = 3 * 60
PUBLIC_VALIDITY: Final = timedelta(days=395)  # 13 months: ACM User Guide, "Characteristics"
RENEWAL_TIME: Final = timedelta(days=60)  # before the end; ACM User Guide, "Renewal ... by DNS"
VALIDATION_LIMIT: Final = timedelta(hours=72)  # ACM User Guide, "DNS validation"
# What a CAA record must name so that ACM may issue: ACM User Guide, "Set up CAA records".
ISSUERS: Final = ("amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com")


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
        vars(bundle)["sandbox_requested"] = get_sandbox_clock().now()
    return answer


@patch.wrap(CertBundle, "describe")
def describe_bundle(original: Any, bundle: CertBundle) -> dict[str, Any]:
    description: dict[str, Any] = original(bundle)
    certificate, state = description["Certificate"], vars(bundle)
    if algorithm := state.get("sandbox_algorithm"):
        certificate["KeyAlgorithm"] = algorithm
    # The field of a list with the first hundred names (API reference).
    certificate["SubjectAlternativeNameSummaries"] = bundle.sans[:100]
    # The load balancers, not their listeners as moto has it (API reference, InUseBy: "the ARNs of
    # the AWS resources that are using the certificate"; the console shows load balancers).
    certificate["InUseBy"] = sorted({_get_load_balancer_arn(arn) for arn in bundle.in_use_by})
    if bundle.type != "AMAZON_ISSUED":
        return description
    is_eligible = bool(bundle.in_use_by) and bundle.status == "ISSUED"
    certificate["RenewalEligibility"] = "ELIGIBLE" if is_eligible else "INELIGIBLE"
    if reason := state.get("sandbox_failure"):
        certificate["FailureReason"] = reason
    if bundle.status in ("PENDING_VALIDATION", "FAILED", "VALIDATION_TIMED_OUT"):
        for key in ("NotBefore", "NotAfter", "IssuedAt", "Serial", "Issuer"):
            certificate.pop(key, None)
    elif "sandbox_validity" in state:
        begin, end = state["sandbox_validity"]
        certificate |= {
            "NotBefore": begin.timestamp(),
            "NotAfter": end.timestamp(),
            "IssuedAt": begin.timestamp(),
            "Issuer": "Amazon",  # source: ACM API reference, CertificateDetail, examples
        }
    if "sandbox_requested" in state:
        certificate["CreatedAt"] = state["sandbox_requested"].timestamp()
    if renewal := state.get("sandbox_renewal"):
        options = [
            {**option, "ValidationStatus": renewal["by_name"].get(option["DomainName"], "SUCCESS")}
            for option in certificate.get("DomainValidationOptions", ())
        ]
        certificate["RenewalSummary"] = {
            "RenewalStatus": renewal["status"],
            "DomainValidationOptions": options,
            "UpdatedAt": renewal["at"].timestamp(),
            **({"RenewalStatusReason": renewal["reason"]} if renewal.get("reason") else {}),
        }
    return description


@patch.wrap(CertBundle, "check")
def check_validation(original: Any, bundle: CertBundle) -> None:
    """Pending until its records have existed long enough; moto does not look at them."""
    state = vars(bundle)
    if bundle.type != "AMAZON_ISSUED" or state.get("sandbox_method") != "DNS":
        original(bundle)
        return
    now = get_sandbox_clock().now()
    if bundle.status == "PENDING_VALIDATION":
        _validate(bundle, now)
    elif bundle.status == "ISSUED":
        _renew_or_expire(bundle, now)


def _validate(bundle: CertBundle, now: datetime) -> None:
    state = vars(bundle)
    if "sandbox_ready" not in state:
        if _list_missing_names(bundle):
            if now >= state.get("sandbox_requested", now) + VALIDATION_LIMIT:
                bundle.status = "VALIDATION_TIMED_OUT"
            return
        state["sandbox_ready"] = get_sandbox_clock().get_completion_time(VALIDATION_SECONDS)
    if is_in_future(state["sandbox_ready"]):
        return
    if _is_refused_by_caa(bundle):
        bundle.status, state["sandbox_failure"] = "FAILED", "CAA_ERROR"
        return
    bundle.status = "ISSUED"
    state["sandbox_validity"] = now, now + PUBLIC_VALIDITY


def _renew_or_expire(bundle: CertBundle, now: datetime) -> None:
    state = vars(bundle)
    if "sandbox_validity" not in state:  # issued by whom moto lets be issued at once
        state["sandbox_validity"] = now, now + PUBLIC_VALIDITY
    _, end = state["sandbox_validity"]
    if end <= now:
        bundle.status = "EXPIRED"
        if "sandbox_renewal" in state:
            state["sandbox_renewal"] = {**state["sandbox_renewal"], "status": "FAILED"}
        return
    if end - now > RENEWAL_TIME or not bundle.in_use_by:
        return
    missing = _list_missing_names(bundle)
    is_refused = _is_refused_by_caa(bundle)
    if missing or is_refused:
        state["sandbox_renewal"] = {
            "status": "PENDING_VALIDATION",
            "at": now,
            "by_name": {
                option["DomainName"]: "PENDING_VALIDATION"
                for option in bundle.describe()["Certificate"]["DomainValidationOptions"]
                if _normalize(option["ResourceRecord"]["Name"]) in missing
            },
            "reason": "CAA_ERROR" if is_refused else "",
        }
        return
    state["sandbox_validity"] = now, now + PUBLIC_VALIDITY
    state["sandbox_renewal"] = {"status": "SUCCESS", "at": now, "by_name": {}}
    state.pop("sandbox_issued", None)


def get_issued_certificate(bundle: CertBundle) -> tuple[SignedCertificate, list[bytes]]:
    """What a server shows for a certificate of ACM: it with its key, and the PEMs of its chain.

    Signed when it is first asked for, since most tests never look at it.
    """
    state = vars(bundle)
    if bundle.type != "AMAZON_ISSUED":
        chain = [pem for pem in _split_pems(bundle.chain) if pem.strip()][:-1]  # moto adds a root
        return SignedCertificate(bundle._cert, bundle._key), chain
    now = get_sandbox_clock().now()
    validity = state.setdefault("sandbox_validity", (now, now + PUBLIC_VALIDITY))
    known_validity, certificate = state.get("sandbox_issued", (None, None))
    if known_validity != validity:
        certificate = issue_certificate(
            list(dict.fromkeys([bundle.common_name, *bundle.sans])),
            get_public_intermediate(),
            validity,
            algorithm=state.get("sandbox_algorithm", "RSA_2048"),
        )
        state["sandbox_issued"] = validity, certificate
    return certificate, [get_public_intermediate().pem]


@patch.replace_operation(AWSCertificateManagerResponse, "get_certificate")
def get_certificate(
    response: AWSCertificateManagerResponse, params: dict[str, Any]
) -> dict[str, Any]:
    """The certificate and its chain, root included. Source: ACM API reference, GetCertificate."""
    bundle = response.acm_backend.get_certificate(params["CertificateArn"])
    if bundle.status not in ("ISSUED", "EXPIRED"):
        raise AwsError(
            "RequestInProgressException", f"Certificate {bundle.arn} is not issued: {bundle.status}"
        )
    certificate, chain = get_issued_certificate(bundle)
    if bundle.type == "AMAZON_ISSUED":
        chain = [*chain, get_public_root().pem]
    return {
        "Certificate": certificate.pem.decode(),
        "CertificateChain": b"".join(chain).decode(),
    }


def set_validity(bundle: CertBundle, begin: datetime, end: datetime) -> None:
    """Gives an issued certificate other dates, so that time need not pass. For tests."""
    vars(bundle)["sandbox_validity"] = begin, end


def _split_pems(text: bytes) -> Iterator[bytes]:
    end_line = b"-----END CERTIFICATE-----"
    for part in text.split(end_line)[:-1]:
        yield part.lstrip() + end_line + b"\n"


def _get_load_balancer_arn(arn: str) -> str:
    """The load balancer of a listener's ARN."""
    if ":listener/" not in arn:
        return arn
    return arn.replace(":listener/", ":loadbalancer/").rpartition("/")[0]


def _list_missing_names(bundle: CertBundle) -> set[str]:
    """The names of validation records that are nowhere, or lead elsewhere."""
    options = bundle.describe()["Certificate"]["DomainValidationOptions"]
    records = {
        _normalize(option["ResourceRecord"]["Name"]): _normalize(option["ResourceRecord"]["Value"])
        for option in options
    }
    served = {
        (name, _normalize(value))
        for name, kind, values in list_dns_records(bundle.arn.split(":")[4])
        if kind == "CNAME"
        for value in values
    }
    return {name for name, value in records.items() if (name, value) not in served}


def _is_refused_by_caa(bundle: CertBundle) -> bool:
    """True if the nearest CAA records of a name let another authority issue alone.

    Source: RFC 8659, section 3: the nearest name upwards that has some; `issuewild` before `issue`
    for a wildcard.
    """
    caa: dict[str, list[str]] = {}
    for name, kind, values in list_dns_records(bundle.arn.split(":")[4]):
        if kind == "CAA":
            caa.setdefault(name, []).extend(values)
    for name in dict.fromkeys([bundle.common_name, *bundle.sans]):
        labels = name.removeprefix("*.").lower().split(".")
        nearest = next(
            (caa[key] for n in range(len(labels)) if (key := ".".join(labels[n:])) in caa), []
        )
        by_tag: dict[str, list[str]] = {}
        for text in nearest:
            _flags, tag, value = text.split(maxsplit=2)
            by_tag.setdefault(tag.lower(), []).append(value.strip('"').split(";")[0].strip())
        issuers = by_tag.get("issuewild") if name.startswith("*.") else None
        issuers = by_tag.get("issue") if issuers is None else issuers
        if issuers is not None and not set(issuers) & set(ISSUERS):
            return True
    return False


def list_dns_records(account: str) -> Iterator[tuple[str, str, list[str]]]:
    """Every record of the account's hosted zones: its name, its type, its values."""
    for backend in route53_backends[account].values():
        for zone in list(backend.zones.values()):
            for record in list(zone.rrsets):
                yield _normalize(str(record.name)), str(record.type), list(record.records or ())


def _normalize(name: str) -> str:
    return name.rstrip(".").lower()


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
