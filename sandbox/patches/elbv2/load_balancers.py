"""Load balancers: provisioning, deletion protection, certificates that are issued."""

from typing import Any

from moto.acm.models import acm_backends
from moto.elbv2.models import ELBv2Backend, FakeLoadBalancer

from sandbox.clock import clock, pending
from sandbox.patches.patching import Mend, Refused

mend = Mend()
# Simulated seconds. Assumption: an Application Load Balancer is active after two to three minutes.
PROVISIONING = 150


@mend.around(ELBv2Backend, "create_load_balancer")
def create(original: Any, backend: ELBv2Backend, *args: Any, **given: Any) -> FakeLoadBalancer:
    balancer: FakeLoadBalancer = original(backend, *args, **given)
    vars(balancer)["mended_until"] = clock().ready(PROVISIONING)
    return balancer


@mend.around(FakeLoadBalancer, "activate")
def activate(original: Any, balancer: FakeLoadBalancer) -> None:
    """moto calls this at each description."""
    if not pending(vars(balancer).get("mended_until", clock().now())):
        original(balancer)


@mend.around(ELBv2Backend, "delete_load_balancer")
def delete(original: Any, backend: ELBv2Backend, arn: str) -> None:
    """Lets its target groups and certificates go; refused while it is protected."""
    balancer = backend.load_balancers.get(arn)
    if balancer is None:
        return
    if str(balancer.attrs.get("deletion_protection.enabled")).lower() == "true":
        raise Refused(
            "OperationNotPermitted",
            f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
        )
    for listener in list(balancer.listeners):
        backend.delete_listener(listener)
    for group in backend.target_groups.values():
        group.load_balancer_arns = [a for a in group.load_balancer_arns if a != arn]
    original(backend, arn)


@mend.around(ELBv2Backend, "create_listener")
def create_listener(original: Any, backend: ELBv2Backend, *args: Any, **given: Any) -> Any:
    """A certificate that is not issued yet is refused."""
    certificate = given.get("certificate") or (args[4] if len(args) > 4 else None)
    known = acm_backends[backend.account_id][backend.region_name]._certificates
    if certificate in known:
        known[certificate].check()
        if known[certificate].status != "ISSUED":
            raise Refused(
                "UnsupportedCertificate",
                f"The certificate '{certificate}' must have a fully-qualified domain name, a "
                "supported signature, and a supported key size.",
            )
    return original(backend, *args, **given)


@mend.around(ELBv2Backend, "delete_listener")
def delete_listener(original: Any, backend: ELBv2Backend, listener_arn: str) -> Any:
    """The certificate is no longer in use by it."""
    gone = original(backend, listener_arn)
    for bundle in acm_backends[backend.account_id][backend.region_name]._certificates.values():
        bundle.in_use_by = [arn for arn in bundle.in_use_by if arn != listener_arn]
    return gone
