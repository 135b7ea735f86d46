"""`ops certificate request`, `validate` and `attach`."""

from typing import Final

from ops.certificate.attachment import Attachment, build_attachment_plan
from ops.certificate.observation import (
    get_issued_body,
    list_attached_certificates,
    resolve_certificate,
)
from ops.certificate.request import build_request_plan
from ops.certificate.validation import build_validation_plan, find_record_places
from ops.core.plan import Plan
from tests.ops.certificate_stage import (
    OTHER_HOST,
    collect_certificates,
    collect_listener_certificates,
    put_https_balancer,
    put_requested_certificate,
    put_second_certificate,
)
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage


def plan_request(stage: Stage) -> Plan:
    return build_request_plan(stage.outputs, "run-1", (OTHER_HOST,), algorithm="EC_prime256v1")


def plan_validation(stage: Stage) -> Plan:
    certificate = resolve_certificate(stage.aws, stage.outputs, OTHER_HOST)
    places = find_record_places(stage.aws, stage.outputs, certificate)
    return build_validation_plan(stage.outputs, "run-1", certificate, places)


def plan_attachment(stage: Stage, *, is_default: bool) -> Plan:
    part = stage.outputs.load_balancer
    assert part is not None
    certificate = resolve_certificate(stage.aws, stage.outputs, OTHER_HOST)
    attachment = Attachment(
        part,
        certificate,
        get_issued_body(stage.aws, certificate.arn),
        list_attached_certificates(stage.aws, part),
        unseen="",
    )
    return build_attachment_plan(stage.outputs, "run-1", attachment, is_default=is_default)


PROCEDURES: Final = (
    Procedure(
        "certificate request",
        f"{OTHER_HOST} --key EC_prime256v1",
        put_https_balancer,
        plan_request,
        collect_certificates,
        steps_maybe_done=frozenset({"find_requested"}),  # its goal is that it was read
    ),
    Procedure(
        "certificate validate",
        OTHER_HOST,
        put_requested_certificate,
        plan_validation,
        collect_certificates,
    ),
    Procedure(
        "certificate attach",
        OTHER_HOST,
        put_second_certificate,
        lambda stage: plan_attachment(stage, is_default=False),
        collect_listener_certificates,
    ),
    Procedure(
        "certificate attach",
        f"{OTHER_HOST} --default",
        put_second_certificate,
        lambda stage: plan_attachment(stage, is_default=True),
        collect_listener_certificates,
    ),
)
