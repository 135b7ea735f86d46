"""`ops certificate`: the certificates of the load balancer."""

import shlex
from typing import Annotated, Final, TypeAlias

import typer

from ops.certificate.attachment import (
    Attachment,
    build_attachment_plan,
    find_unseen_reason,
    list_default_hosts,
    require_attachable,
    require_covered,
)
from ops.certificate.dns_records import format_record
from ops.certificate.model import get_https_part
from ops.certificate.observation import (
    get_certificate,
    get_issued_body,
    list_attached_certificates,
    require_certificate_word,
    resolve_certificate,
)
from ops.certificate.request import (
    KeyAlgorithm,
    build_request_plan,
    find_requested_arn,
    parse_names,
    require_issuable,
)
from ops.certificate.status import CERTIFICATE_COLUMNS, NOT_ATTACHED, read_certificate_rows
from ops.certificate.validation import (
    DEAD_STATES,
    build_validation_plan,
    describe_failure,
    describe_records_left,
    find_record_places,
    require_no_other_records,
)
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.errors import FindingsError, OpsError, UsageError
from ops.findings.view import select_view_keys, show_view

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The certificates of the load balancer."
)
CertificateArgument: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="CERT", help="ARN or id of a certificate of ACM, or one of its names"),
]
SHOWN_LIST: Final = "certificates"


@app.command("show")
@looking_command
def show_certificates(context: typer.Context) -> None:
    """Lists the certificates: their state in ACM, end, issuer, key, renewal and what blocks it.

    Those of the listener, those of ACM that nothing uses, and the database server's. The records
    that ACM needs are looked up in DNS. Exit 3 if one that is in use has a problem, or is unknown.
    """
    outputs, aws, output = load_stack(context)
    rows = read_certificate_rows(aws, outputs, outputs.load_balancer, clock.now())
    output.print_rows(SHOWN_LIST, CERTIFICATE_COLUMNS, rows)
    problems = [
        row
        for row in rows
        if not row["known"] or (row["problem"] and row["attached"] != NOT_ATTACHED)
    ]
    if problems:
        texts = [f"{row['names']}: {row['problem'] or 'unknown'}" for row in problems]
        commands = dict.fromkeys(str(row["command"]) for row in problems if row["command"])
        raise FindingsError("; ".join(texts), *commands)


@app.command("check")
@looking_command
def check_certificates(
    context: typer.Context,
    only: Annotated[
        str | None,
        typer.Option(metavar="KEYS", help="some checks, by key, separated by commas"),
    ] = None,
) -> None:
    """Checks what clients are shown, by TLS handshakes, and whether ACM can renew it.

    For each name: names, dates, issuer and order of the chain, whether it is trusted, which
    versions and ciphers of TLS are taken, and where DNS leads. Exit 3 if one fails or is unknown.
    """
    keys = tuple(word.strip() for word in only.split(",")) if only is not None else ()
    known_keys = select_view_keys("certificates")
    for key in keys:
        if key not in known_keys:
            raise UsageError(f"--only is {only!r}, must be some of {', '.join(known_keys)}")
    show_view(context, "certificates", keys)


@app.command("request")
@mutating_command
def request_certificate(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAMES", help="host names; a star may be the first label"),
    ],
    key: Annotated[KeyAlgorithm, typer.Option("--key", help="algorithm of its key")] = "RSA_2048",
    *,
    options: ExecutionOptions,
) -> None:
    """Requests a certificate of ACM, validated by DNS, and shows the records that it needs.

    CAA records that forbid Amazon to issue are found before. Its undo deletes the certificate.
    """
    host_names = parse_names(names)
    stack_context, output = load_stack_context(context)
    outputs, aws = stack_context.outputs, stack_context.aws
    get_https_part(outputs)
    notes = require_issuable(host_names)
    run = new_run_id("certificate")
    plan = build_request_plan(outputs, run, host_names, algorithm=key, notes=notes)
    if not execute_plan(plan, stack_context, output, options):
        return
    certificate = get_certificate(aws, find_requested_arn(aws, outputs, run))
    places = find_record_places(aws, outputs, certificate)
    if output.output_format != "json":
        for place in places:
            where = f"belongs into {place.zone_id}" if place.zone_id else "must be set by hand"
            output.print_line(f"{format_record(place.record)}  ({where})")
    result: dict[str, object] = {
        "certificate": certificate.arn,
        "next": f"ops certificate validate {certificate.arn}",
        "run": run,
    }
    if output.output_format == "json":
        result["records"] = [
            {"name": record.name, "type": "CNAME", "value": record.value}
            for record in certificate.records
        ]
    output.print_result("certificate-request", result)


@app.command("validate")
@mutating_command
def validate_certificate(
    context: typer.Context, certificate: CertificateArgument, *, options: ExecutionOptions
) -> None:
    """Creates the records that ACM needs and DNS lacks, and waits until it is issued.

    A record is created in the zone that the stack knows, never overwritten; others are shown to be
    set by hand. Says why ACM failed if it did. Records of a renewal are created alike.
    """
    require_certificate_word(certificate)
    stack_context, output = load_stack_context(context)
    outputs, aws = stack_context.outputs, stack_context.aws
    wanted = resolve_certificate(aws, outputs, certificate)
    if wanted.status in DEAD_STATES:
        raise FindingsError(
            f"{wanted.subject} is {wanted.status}: {describe_failure(wanted)}",
            f"ops certificate request {shlex.join(wanted.names)}",
        )
    if wanted.kind == "IMPORTED":
        raise UsageError(f"CERT was imported, and ACM validates none that was: {wanted.arn}")
    if wanted.validation_method == "EMAIL":
        raise UsageError(
            f"CERT must be validated by DNS, not by e-mail: {wanted.arn}; its validation cannot "
            "be changed, so request another one",
            f"ops certificate request {shlex.join(wanted.names)}",
        )
    is_renewal = wanted.status == "ISSUED"
    places = find_record_places(aws, outputs, wanted)
    require_no_other_records(places)
    run = new_run_id("certificate")
    plan = build_validation_plan(outputs, run, wanted, places)
    if plan.steps:
        if not execute_plan(plan, stack_context, output, options):
            return
        wanted = get_certificate(aws, wanted.arn)
    # What was issued just now has its records: ACM saw them.
    left = describe_records_left(places) if is_renewal else []
    if left:
        raise FindingsError(f"ACM cannot renew it: {'; '.join(left)}")
    result = {"certificate": wanted.arn, "status": wanted.status}
    if wanted.status == "ISSUED" and not wanted.in_use_by:
        result["next"] = f"ops certificate attach {wanted.arn}"
    if plan.steps:
        result["run"] = run
    output.print_result("certificate-validation", result)


@app.command("attach")
@mutating_command
def attach_certificate(
    context: typer.Context,
    certificate: CertificateArgument,
    is_default: Annotated[
        bool, typer.Option("--default", help="make it the listener's default certificate")
    ] = False,
    hosts: Annotated[
        list[str] | None,
        typer.Option("--host", metavar="NAME", help="a host that it must stand for; repeatable"),
    ] = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Attaches a certificate to the listener, for clients that name one of its hosts.

    It is seen served by TLS handshakes. With --default it then becomes that of every client, and
    must stand for each host of the stack. The undo takes it out and restores the old default.
    """
    require_certificate_word(certificate)
    host_names = parse_names(hosts, "--host") if hosts else ()
    stack_context, output = load_stack_context(context)
    outputs, aws = stack_context.outputs, stack_context.aws
    part = get_https_part(outputs)
    wanted = resolve_certificate(aws, outputs, certificate)
    require_attachable(wanted, clock.now())
    require_covered(wanted, host_names, "--host")
    roles = list_attached_certificates(aws, part)
    default_arn = next((arn for arn, role in roles.items() if "default" in role), None)
    if default_arn is None:
        raise OpsError(
            f"the listener {part.listener_arn} has no certificate", "pulumi up --refresh"
        )
    if is_default:
        default = get_certificate(aws, default_arn)
        require_covered(wanted, list_default_hosts(part, default), "--default")
    attachment = Attachment(
        part, wanted, get_issued_body(aws, wanted.arn), roles, find_unseen_reason(part)
    )
    run = new_run_id("certificate")
    plan = build_attachment_plan(outputs, run, attachment, is_default=is_default)
    result: dict[str, object] = {"certificate": wanted.arn, "default": is_default}
    if plan.steps:
        if not execute_plan(plan, stack_context, output, options):
            return
        result["run"] = run
    output.print_result("certificate-attachment", {**result, "seen": not attachment.unseen})
