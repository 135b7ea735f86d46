"""The certificates of listeners: one is the default, the others are in a list and chosen by SNI.

moto has one list, so that a new default takes the others away. Sources: ELB API reference,
AddListenerCertificates, DescribeListenerCertificates ("If the default certificate is also in the
certificate list, it appears twice"), RemoveListenerCertificates, ModifyListener; issues of
hashicorp/terraform-provider-aws: 8620 (a replaced default stays in the list, and is what SNI is
answered with), 19495 (one that is the default cannot be taken out of the list).
"""

from typing import Any, Final

from moto.acm.models import acm_backends
from moto.elbv2.models import ELBv2Backend, FakeListener
from moto.elbv2.responses import ELBV2Response

from sandbox.patches.elbv2.load_balancers import require_issued
from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
MAX_LISTED_CERTIFICATES: Final = 25  # ELB User Guide, "Quotas": not counting default certificates


def list_additional_certificates(listener: FakeListener) -> list[str]:
    """The ARNs of a listener's list, without the default."""
    additional: list[str] = vars(listener).setdefault("sandbox_additional", [])
    return additional


@patch.wrap(ELBv2Backend, "modify_listener")
def modify_listener(
    original: Any, backend: ELBv2Backend, arn: str, *args: Any, **kwargs: Any
) -> Any:
    """A new default must be issued; the old one stays in the list (issue 8620)."""
    listener = _find_listener(backend, arn)
    old_default = listener.certificate
    certificates = kwargs.get("certificates") or (args[3] if len(args) > 3 else None) or []
    for item in certificates:
        require_issued(backend, item["CertificateArn"])
    changed = original(backend, arn, *args, **kwargs)
    if changed.certificate != old_default:
        additional = list_additional_certificates(changed)
        if old_default and old_default not in additional:
            additional.append(old_default)
        _update_use(backend, changed, old_default)
        _update_use(backend, changed, changed.certificate)
    return changed


@patch.replace_operation(ELBV2Response, "add_listener_certificates")
def add_listener_certificates(response: ELBV2Response, params: dict[str, Any]) -> dict[str, Any]:
    """One that is in the list already is not added again, which is no error."""
    backend = response.elbv2_backend
    listener = _find_listener(backend, params["ListenerArn"])
    additional = list_additional_certificates(listener)
    for item in params["Certificates"]:
        certificate = item["CertificateArn"]
        if not backend._certificate_exists(certificate):
            raise AwsError("CertificateNotFound", f"Certificate '{certificate}' not found")
        require_issued(backend, certificate)
        if certificate in additional:
            continue
        if len(additional) >= MAX_LISTED_CERTIFICATES:
            raise AwsError(
                "TooManyCertificates",
                f"The maximum number of certificates is {MAX_LISTED_CERTIFICATES}",
            )
        additional.append(certificate)
        _update_use(backend, listener, certificate)
    return {"Certificates": [dict(item, IsDefault=False) for item in params["Certificates"]]}


@patch.replace_operation(ELBV2Response, "remove_listener_certificates")
def remove_listener_certificates(response: ELBV2Response, params: dict[str, Any]) -> dict[str, Any]:
    """Not while it is the default (issue 19495). One that is not in the list: no error, assumed."""
    backend = response.elbv2_backend
    listener = _find_listener(backend, params["ListenerArn"])
    additional = list_additional_certificates(listener)
    for item in params["Certificates"]:
        certificate = item["CertificateArn"]
        if certificate == listener.certificate:
            raise AwsError(
                "OperationNotPermitted", f"Default certificate '{certificate}' cannot be removed"
            )
        if certificate in additional:
            additional.remove(certificate)
            _update_use(backend, listener, certificate)
    return {}


@patch.replace_operation(ELBV2Response, "describe_listener_certificates")
def describe_listener_certificates(
    response: ELBV2Response, params: dict[str, Any]
) -> dict[str, Any]:
    listener = _find_listener(response.elbv2_backend, params["ListenerArn"])
    default = [listener.certificate] if listener.certificate else []
    return {
        "Certificates": [
            *({"CertificateArn": arn, "IsDefault": True} for arn in default),
            *(
                {"CertificateArn": arn, "IsDefault": False}
                for arn in list_additional_certificates(listener)
            ),
        ]
    }


def _find_listener(backend: ELBv2Backend, arn: str) -> FakeListener:
    listener: FakeListener = backend.describe_listeners(
        load_balancer_arn=None, listener_arns=[arn]
    )[0]
    return listener


def _update_use(backend: ELBv2Backend, listener: FakeListener, certificate: str | None) -> None:
    """ACM knows at once who uses a certificate; on AWS after minutes, assumed not to matter."""
    bundle = acm_backends[backend.account_id][backend.region_name]._certificates.get(
        certificate or ""
    )
    if bundle is None:
        return
    in_use = certificate in (listener.certificate, *list_additional_certificates(listener))
    others = [arn for arn in bundle.in_use_by if arn != listener.arn]
    bundle.in_use_by = [*others, listener.arn] if in_use else others
