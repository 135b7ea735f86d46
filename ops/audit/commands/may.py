"""`ops audit may`: whether a role or a user may do something, by AWS's own evaluation."""

from typing import Annotated, Any

import typer

from ops.audit.simulated_principal import parse_principal
from ops.audit.simulated_request import (
    build_assumed_context,
    parse_action,
    parse_context,
    parse_resource,
)
from ops.audit.simulation import AccessAnswer, ask_access
from ops.cli.context import load_stack
from ops.cli.render import Output
from ops.core import clock
from ops.core.errors import FindingsError

DECIDING_COLUMNS = ("policy", "kind", "position")
_LIMITS = {
    True: "allows it",
    False: "does not allow it",
}


def ask_may(
    context: typer.Context,
    role: Annotated[
        str,
        typer.Argument(
            metavar="ROLE",
            help="a service, SERVICE-execution, fleet, reader, operator, recoverer, backup, "
            "export, the name or ARN of a role, or user/NAME",
        ),
    ],
    action: Annotated[str, typer.Argument(metavar="ACTION", help="one action, like s3:GetObject")],
    resource: Annotated[
        str | None,
        typer.Argument(
            metavar="[RESOURCE]",
            help="an ARN, or a part: database, secret, bucket, bucket/KEY, key, cache, page-topic, "
            "a service, ...; without it, every resource",
        ),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--context", metavar="KEY=VALUE", help="a condition key of the request"),
    ] = None,
) -> None:
    """Whether a role or a user may do something: the statement that decides, and what limits it.

    Asks AWS's policy simulator, which carries nothing out. Exit code 0 if it is allowed, 3 if it
    is not or is not known. Condition keys that are known are taken as they are of the stack.
    """
    parsed_action, parsed_values = parse_action(action), parse_context(values or ())
    outputs, aws, output = load_stack(context)
    principal = parse_principal(outputs, role)
    target = parse_resource(outputs, resource, parsed_action)
    assumed = build_assumed_context(outputs, principal, target, clock.now())
    typed_keys = {key.lower() for key in parsed_values}
    request_context = {
        **{key: value for key, value in assumed.items() if key.lower() not in typed_keys},
        **parsed_values,
    }
    answer = ask_access(aws, principal, parsed_action, target, request_context)
    label = f"{principal.arn} {parsed_action} on {target.arn}"
    if output.output_format == "json":
        body = _build_json(answer)
        request = {"principal": principal.arn, "action": action, "resource": target.arn}
        output.print_json("audit-may", {**request, "context": request_context, **body})
    else:
        _print_answer(output, answer, parsed_action)
    if answer.verdict != "allowed":
        told = ": " + "; ".join(answer.doubts) if answer.doubts else ""
        raise FindingsError(f"{label}: {answer.verdict}{told}")
    output.print_line(f"{label}: allowed")


def _print_answer(output: Output, answer: AccessAnswer, action: str) -> None:
    rows = [
        {
            "policy": statement.policy,
            "kind": statement.kind,
            "position": f"line {statement.line}, column {statement.column}",
        }
        for statement in answer.statements
    ]
    output.print_rows("audit-may", DECIDING_COLUMNS, rows)
    for name, is_allowed in (
        ("the permissions boundary", answer.boundary),
        ("the organisation", answer.organization),
    ):
        if is_allowed is not None:
            output.print_line(f"{name} {_LIMITS[is_allowed]}")
    if answer.verdict == "denied implicitly" and not answer.statements:
        output.print_line(
            f"AWS does not check names: if {action} is not an action of AWS, it is denied too"
        )
    for note in answer.notes:
        output.print_line(note)


def _build_json(answer: AccessAnswer) -> dict[str, Any]:
    return {
        "verdict": answer.verdict,
        "boundary": answer.boundary,
        "organization": answer.organization,
        "missing": list(answer.missing_keys),
        "doubts": list(answer.doubts),
        "notes": list(answer.notes),
        "items": [vars(statement) for statement in answer.statements],
    }
