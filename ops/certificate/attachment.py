"""The plan of `ops certificate attach`: into the listener's list, seen served, then the default."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ops.certificate.apis import LISTENER_CERTIFICATES_API, LISTENERS_API
from ops.certificate.model import (
    TLS_PORT,
    Certificate,
    get_site_host,
)
from ops.certificate.observation import IssuedBody
from ops.core import tls_handshake
from ops.core.errors import UsageError
from ops.core.plan import Call, Handshake, Plan, PlanData, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.outputs import LoadBalancerPart, Outputs

MAX_SEEN_NAMES: Final = 5  # names that are asked for after each change
ATTACHED_PAGE: Final = 100  # more than the 25 of a list: ELB User Guide, "Quotas"


class AttachmentData(PlanData):
    """What is attached, and whether it is seen served."""

    certificate: str
    is_default: bool
    is_seen: bool


@dataclass(frozen=True)
class Attachment:
    """What the listener has, and what is to be attached. `unseen` is why nothing can be seen."""

    part: LoadBalancerPart
    certificate: Certificate
    body: IssuedBody
    roles: dict[str, str]
    unseen: str

    @property
    def default_arn(self) -> str:
        """The listener's default."""
        return next(arn for arn, role in self.roles.items() if "default" in role)

    @property
    def seen_names(self) -> tuple[str, ...]:
        """The names that are asked for: wildcards as one of their hosts."""
        return tuple(name.replace("*", "any", 1) for name in self.body.names[:MAX_SEEN_NAMES])


def require_attachable(certificate: Certificate, now: datetime) -> None:
    """Raises UsageError unless it is issued and valid."""
    days_left = certificate.count_days_left(now)
    if certificate.status != "ISSUED" or (days_left is not None and days_left <= 0):
        state = certificate.status if days_left is None or days_left > 0 else "EXPIRED"
        command = (
            f"ops certificate validate {certificate.arn}"
            if state == "PENDING_VALIDATION"
            else f"ops certificate request {shlex.join(certificate.names)}"
        )
        raise UsageError(f"CERT must be issued and valid, not {state}", command)


def require_covered(certificate: Certificate, hosts: Sequence[str], option: str) -> None:
    """Raises UsageError if clients that ask for one of the hosts would be refused."""
    uncovered = [host for host in hosts if not certificate.covers(host)]
    if uncovered:
        raise UsageError(
            f"{option}: {', '.join(uncovered)} must be a name of the certificate, which is for "
            f"{', '.join(certificate.names)}",
            f"ops certificate request {shlex.join((*certificate.names, *uncovered))}",
        )


def list_default_hosts(part: LoadBalancerPart, default: Certificate) -> list[str]:
    """The hosts that clients ask for today: the stack's own and those of the default."""
    return list(dict.fromkeys([get_site_host(part), *default.names]))


def find_unseen_reason(part: LoadBalancerPart) -> str:
    """Why what is served cannot be seen from here; empty if it can."""
    try:
        tls_handshake.shake_hands(part.dns_name, TLS_PORT, None)
    except OSError as error:
        place = "; the load balancer is internal" if part.internal else ""
        return f"nobody answers from here: {error}{place}"
    return ""


def build_attachment_plan(
    outputs: Outputs, run: str, attachment: Attachment, *, is_default: bool
) -> Plan:
    """Builds the plan. The undo takes the certificate out, and puts the old default back."""
    arn, subject = attachment.certificate.arn, attachment.certificate.subject
    roles = attachment.roles.get(arn, "")
    steps: list[Step] = []
    is_new_in_list = "SNI" not in roles and "default" not in roles
    if is_new_in_list:
        steps.append(_build_addition_step(attachment))
    steps += _build_seen_steps(attachment, "served", attachment.seen_names)
    changes = [f"the listener's list: {subject} added"] if is_new_in_list else []
    notes = [f"not seen served: {attachment.unseen}"] if attachment.unseen else []
    if is_default and "default" not in roles:
        steps.append(_build_default_step(attachment))
        old_default = attachment.default_arn
        if "SNI" not in attachment.roles[old_default]:
            steps.append(_build_removal_step(attachment.part, old_default))
        steps += _build_seen_steps(attachment, "default_served", (None, *attachment.seen_names[:1]))
        if "SNI" not in attachment.roles[old_default]:
            notes.append("an undo makes the old certificate the default, and leaves it there alone")
        changes = [f"default certificate: {attachment.default_arn} -> {arn}"]
        notes.append(
            "Pulumi owns the default certificate and would put its own back: set it before the "
            f"next deployment: pulumi config set --stack {outputs.stack.stack} --path "
            f"{outputs.stack.project}:loadBalancer.certificateArn {arn}"
        )
        notes.append("with that setting a deployment deletes the certificate that Pulumi requested")
    return build_stack_plan(
        outputs,
        run,
        "certificate attach",
        *steps,
        changes=changes,
        losses=(),
        cost=NO_COST,
        notes=notes,
        arguments=f"{arn} --default" if is_default else arn,
        data=AttachmentData(certificate=arn, is_default=is_default, is_seen=not attachment.unseen),
    )


def _build_addition_step(attachment: Attachment) -> Step:
    part, arn = attachment.part, attachment.certificate.arn
    return Step(
        name="add",
        description=f"add {attachment.certificate.subject} to the listener's list",
        action=Call(
            api="elbv2.add_listener_certificates",
            params={"ListenerArn": part.listener_arn, "Certificates": [{"CertificateArn": arn}]},
        ),
        goal=_build_list_goal(part, arn, count=1),
        undo=(_build_removal_step(part, arn, name="remove"),),
    )


def _build_removal_step(part: LoadBalancerPart, arn: str, name: str = "remove_old_default") -> Step:
    """Takes a certificate out of the list.

    ELB leaves a replaced default in it, where it answers clients that name a host, instead of the
    new one: hashicorp/terraform-provider-aws, issue 8620.
    """
    return Step(
        name=name,
        description=f"take {arn} out of the listener's list",
        action=Call(
            api="elbv2.remove_listener_certificates",
            params={"ListenerArn": part.listener_arn, "Certificates": [{"CertificateArn": arn}]},
        ),
        goal=_build_list_goal(part, arn, count=0),
    )


def _build_list_goal(part: LoadBalancerPart, arn: str, *, count: int) -> Wait:
    return Wait(
        read=Call(
            api=LISTENER_CERTIFICATES_API,
            params={"ListenerArn": part.listener_arn, "PageSize": ATTACHED_PAGE},
        ),
        met={f"length(Certificates[?CertificateArn=='{arn}' && !IsDefault])": count},
        every=5,
        within=300,
    )


def _build_seen_steps(
    attachment: Attachment, name: str, server_names: Sequence[str | None]
) -> list[Step]:
    if attachment.unseen:
        return []
    steps: list[Step] = []
    for number, server_name in enumerate(server_names, 1):
        handshake = Handshake(host=attachment.part.dns_name, port=TLS_PORT, server_name=server_name)
        who = f"for {server_name}" if server_name else "to a client that names no host"
        steps.append(
            Step(
                name=f"{name}_{number}",
                description=f"see it served {who}",
                action=handshake,
                goal=Wait(
                    read=handshake,
                    met={"fingerprint": attachment.body.fingerprint},
                    every=10,
                    within=900,
                    typical=60,
                    source="assumed: listeners are configured within minutes",
                ),
            )
        )
    return steps


def _build_default_step(attachment: Attachment) -> Step:
    def build_step(name: str, arn: str, undo: tuple[Step, ...] = ()) -> Step:
        listener = attachment.part.listener_arn
        return Step(
            name=name,
            description=f"make {arn} the default",
            action=Call(
                api="elbv2.modify_listener",
                params={"ListenerArn": listener, "Certificates": [{"CertificateArn": arn}]},
            ),
            goal=Wait(
                read=Call(api=LISTENERS_API, params={"ListenerArns": [listener]}),
                met={"Listeners[0].Certificates[0].CertificateArn": arn},
                every=5,
                within=300,
            ),
            undo=undo,
        )

    restore = build_step("restore_default", attachment.default_arn)
    return build_step("default", attachment.certificate.arn, (restore,))
