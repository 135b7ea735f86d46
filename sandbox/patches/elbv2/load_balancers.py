"""Load balancers: provisioning, deletion protection, certificates that are issued."""

from typing import Any

from moto.acm.models import acm_backends
from moto.elbv2.models import ELBv2Backend, FakeLoadBalancer

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
# Simulated seconds. Assumption: an Application Load Balancer is active after two to three minutes.
PROVISIONING_SECONDS = 150


@patch.wrap(ELBv2Backend, "create_load_balancer")
def create_load_balancer(
    original: Any, backend: ELBv2Backend, *args: Any, **kwargs: Any
) -> FakeLoadBalancer:
    balancer: FakeLoadBalancer = original(backend, *args, **kwargs)
    vars(balancer)["sandbox_until"] = get_sandbox_clock().get_completion_time(PROVISIONING_SECONDS)
    return balancer


@patch.wrap(FakeLoadBalancer, "activate")
def activate_load_balancer(original: Any, balancer: FakeLoadBalancer) -> None:
    """moto calls this at each description."""
    if not is_in_future(vars(balancer).get("sandbox_until", get_sandbox_clock().now())):
        original(balancer)


@patch.wrap(ELBv2Backend, "delete_load_balancer")
def delete_load_balancer(original: Any, backend: ELBv2Backend, arn: str) -> None:
    """Releases its target groups and certificates; refused while it is protected."""
    balancer = backend.load_balancers.get(arn)
    if balancer is None:
        return
    if str(balancer.attrs.get("deletion_protection.enabled")).lower() == "true":
        raise AwsError(
            "OperationNotPermitted",
            f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
        )
    for listener in list(balancer.listeners):
        backend.delete_listener(listener)
    for group in backend.target_groups.values():
        group.load_balancer_arns = [a for a in group.load_balancer_arns if a != arn]
    original(backend, arn)


@patch.wrap(ELBv2Backend, "create_listener")
def create_listener(original: Any, backend: ELBv2Backend, *args: Any, **kwargs: Any) -> Any:
    """Refuses a certificate that is not issued yet."""
    certificate = kwargs.get("certificate") or (args[4] if len(args) > 4 else None)
    require_issued(backend, certificate)
    return original(backend, *args, **kwargs)


@patch.wrap(ELBv2Backend, "delete_listener")
def delete_listener(original: Any, backend: ELBv2Backend, listener_arn: str) -> Any:
    """Releases its certificate."""
    listener = original(backend, listener_arn)
    for bundle in acm_backends[backend.account_id][backend.region_name]._certificates.values():
        bundle.in_use_by = [arn for arn in bundle.in_use_by if arn != listener_arn]
    return listener


def require_issued(backend: ELBv2Backend, certificate: str | None) -> None:
    """Raises AWS's refusal of a certificate that is not issued."""
    certificates = acm_backends[backend.account_id][backend.region_name]._certificates
    if certificate in certificates:
        certificates[certificate].check()
        if certificates[certificate].status != "ISSUED":
            raise AwsError(
                "UnsupportedCertificate",
                f"The certificate '{certificate}' must have a fully-qualified domain name, a "
                "supported signature, and a supported key size.",
            )
