"""What AWS says of the certificates of the stack, and which one a person means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509

from ops.certificate.apis import (
    CERTIFICATE_BODY_API,
    LISTENER_CERTIFICATES_API,
    LISTENERS_API,
)
from ops.certificate.chain import list_dns_names
from ops.certificate.checks import list_attached_arns
from ops.certificate.model import (
    ACM_ARN_PATTERN,
    CERTIFICATE_ID_PATTERN,
    CERTIFICATE_NAME_PATTERN,
    Certificate,
    parse_certificate,
)
from ops.certificate.served_checks import compute_fingerprint
from ops.core.aws import Aws, explain_error
from ops.core.credentials import CALL_ERRORS
from ops.core.errors import OpsError, UsageError
from ops.health.load_balancer import CERTIFICATE_API
from ops.outputs import LoadBalancerPart, Outputs

_LIST_API: Final = "acm.list_certificates"
# ListCertificates leaves out every other key than RSA 1024 and 2048 unless it is asked for: ACM API
# reference, Filters, keyTypes.
KEY_TYPES: Final = (
    "RSA_1024",
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "EC_prime256v1",
    "EC_secp384r1",
    "EC_secp521r1",
)


@dataclass(frozen=True)
class IssuedBody:
    """The certificate itself, as ACM gives it to anybody who may ask."""

    fingerprint: str
    names: tuple[str, ...]


def require_certificate_word(word: str) -> None:
    """Raises UsageError unless it may be an ARN, an id or a host name."""
    if not (
        ACM_ARN_PATTERN.fullmatch(word)
        or CERTIFICATE_ID_PATTERN.fullmatch(word)
        or CERTIFICATE_NAME_PATTERN.fullmatch(word.lower())
    ):
        raise UsageError(
            "CERT must be the ARN of a certificate of ACM, its id or one of its names, "
            f"not {word!r}",
            "ops certificate show",
        )


def list_attached_certificates(aws: Aws, part: LoadBalancerPart) -> dict[str, str]:
    """The ARNs of the listener's certificates, each with how it is attached."""
    items = _list_items(
        aws, LISTENER_CERTIFICATES_API, "Certificates", ListenerArn=part.listener_arn
    )
    return list_attached_arns(items)


def get_listener(aws: Aws, part: LoadBalancerPart) -> Mapping[str, Any]:
    """The HTTPS listener, as AWS describes it."""
    items = _list_items(aws, LISTENERS_API, "Listeners", ListenerArns=[part.listener_arn])
    if not items:
        raise OpsError(f"the listener {part.listener_arn} is gone", "pulumi up --refresh")
    return items[0]


def list_certificate_summaries(aws: Aws) -> list[dict[str, Any]]:
    """Every certificate of ACM in the stack's region, of every kind of key."""
    return _list_items(
        aws,
        _LIST_API,
        "CertificateSummaryList",
        Includes={"keyTypes": list(KEY_TYPES)},
    )


def get_certificate(aws: Aws, arn: str) -> Certificate:
    """Describes a certificate. Raises UsageError if there is none."""
    try:
        answer: Any = aws.call(CERTIFICATE_API, {"CertificateArn": arn})
    except CALL_ERRORS as error:
        if _is_not_found(error):
            raise UsageError(
                f"there is no certificate {arn} in ACM of {aws.region}", "ops certificate show"
            ) from None
        raise explain_error(error, CERTIFICATE_API) from error
    return parse_certificate(answer["Certificate"])


def get_issued_body(aws: Aws, arn: str) -> IssuedBody:
    """Reads an issued certificate."""
    try:
        answer: Any = aws.call(CERTIFICATE_BODY_API, {"CertificateArn": arn})
    except CALL_ERRORS as error:
        raise explain_error(error, CERTIFICATE_BODY_API) from error
    certificate = x509.load_pem_x509_certificate(str(answer["Certificate"]).encode())
    return IssuedBody(compute_fingerprint(certificate), list_dns_names(certificate))


def resolve_certificate(aws: Aws, outputs: Outputs, word: str) -> Certificate:
    """The certificate that a person means by an ARN, an id or a name.

    Raises UsageError if there is none, several have the name, or it is of another region.
    """
    require_certificate_word(word)
    region = outputs.stack.region
    if match := ACM_ARN_PATTERN.fullmatch(word):
        if (match["region"], match["account"]) != (region, outputs.stack.account):
            raise UsageError(
                f"CERT must be a certificate of {region} and account {outputs.stack.account}: a "
                f"load balancer takes those of its own region, not {word}"
            )
        return get_certificate(aws, word)
    if CERTIFICATE_ID_PATTERN.fullmatch(word):
        partition = outputs.database.arn.split(":")[1]
        arn = f"arn:{partition}:acm:{region}:{outputs.stack.account}:certificate/{word}"
        return get_certificate(aws, arn)
    host = word.lower()
    matching = [
        str(item["CertificateArn"])
        for item in list_certificate_summaries(aws)
        if host in {item.get("DomainName"), *item.get("SubjectAlternativeNameSummaries", ())}
    ]
    if len(matching) != 1:
        found_text = (
            f"{len(matching)} have it: {', '.join(matching)}" if matching else "none has it"
        )
        raise UsageError(
            f"CERT must be a name of one certificate of ACM in {region}, not {word!r}: "
            f"{found_text}",
            "ops certificate show",
        )
    return get_certificate(aws, matching[0])


def _list_items(aws: Aws, api: str, key: str, **params: Any) -> list[dict[str, Any]]:
    try:
        return list(aws.list_items(api, key, params))
    except CALL_ERRORS as error:
        raise explain_error(error, api) from error


def _is_not_found(error: Exception) -> bool:
    from ops.core.aws import get_error_code

    return get_error_code(error) == "ResourceNotFoundException"  # type: ignore[arg-type]
