"""The plan of `ops certificate validate`: the missing records in Route 53, then ACM sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.certificate.dns_records import format_record, list_missing_records, normalize_name
from ops.certificate.model import Certificate, ValidationRecord
from ops.core.aws import Aws, explain_error
from ops.core.credentials import CALL_ERRORS
from ops.core.errors import OpsError
from ops.core.plan import Call, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.health.load_balancer import CERTIFICATE_API
from ops.outputs import Outputs

_RECORDS_API: Final = "route53.list_resource_record_sets"
ZONE_API: Final = "route53.get_hosted_zone"
CHANGE_API: Final = "route53.change_resource_record_sets"
RECORD_TTL_SECONDS: Final = 300  # that ACM's own button creates: ACM User Guide, "DNS validation"
# A record of the name that is there already: Route 53 API reference, ChangeResourceRecordSets,
# CREATE. It is never overwritten; whether it is the same is the step's goal.
RECORD_EXISTS_CODES: Final = ("InvalidChangeBatch",)
DEAD_STATES: Final = ("FAILED", "VALIDATION_TIMED_OUT", "REVOKED", "EXPIRED", "INACTIVE")
# ACM API reference, CertificateDetail, FailureReason; ACM User Guide, "Troubleshooting".
FAILURE_ADVICE: Final[Mapping[str, str]] = {
    "ADDITIONAL_VERIFICATION_REQUIRED": "AWS wants to know more before it issues: ask AWS Support",
    "CAA_ERROR": 'a CAA record forbids Amazon: add CAA 0 issue "amazon.com" to the name',
    "DOMAIN_NOT_ALLOWED": "a name was reported as unsafe: ask for its removal, then AWS Support",
    "DOMAIN_VALIDATION_DENIED": "the owner of a name refused",
    "INVALID_PUBLIC_DOMAIN": "a name does not end with a public top-level domain",
    "NO_AVAILABLE_CONTACTS": "no address for e-mails of the domain: validate by DNS",
    "OTHER": "a name is misspelled, or AWS failed: request again, then ask AWS Support",
}


@dataclass(frozen=True)
class RecordPlace:
    """A record that is missing in DNS, and where it belongs.

    `zone_id` is None if the stack's zone is not its. `present` is what that zone has at its name.
    """

    record: ValidationRecord
    zone_id: str | None
    present: tuple[str, ...] = ()

    @property
    def is_in_zone(self) -> bool:
        """True if the zone has just this record, so that DNS does not ask the zone."""
        return [normalize_name(value) for value in self.present] == [
            normalize_name(self.record.value)
        ]


def describe_failure(certificate: Certificate) -> str:
    """Why ACM did not issue, and what to do."""
    reason = certificate.failure_reason or certificate.renewal_reason
    if certificate.status == "VALIDATION_TIMED_OUT":
        return "its records were not in DNS within 72 hours, after which ACM gives up"
    advice = FAILURE_ADVICE.get(reason, "")
    return f"{reason}: {advice}" if advice else reason or "ACM gives no reason"


def find_record_places(aws: Aws, outputs: Outputs, certificate: Certificate) -> list[RecordPlace]:
    """The records that DNS does not have, each with its place. Raises DnsError, OpsError."""
    missing = [record for record, _ in list_missing_records(certificate.records)]
    zone_id = outputs.load_balancer.zone_id if outputs.load_balancer is not None else None
    if not missing or zone_id is None:
        return [RecordPlace(record, None) for record in missing]
    zone = normalize_name(_call(aws, ZONE_API, {"Id": zone_id})["HostedZone"]["Name"])
    places: list[RecordPlace] = []
    for record in missing:
        if not normalize_name(record.name).endswith(f".{zone}"):
            places.append(RecordPlace(record, None))
            continue
        answer = _call(aws, _RECORDS_API, _build_look_params(zone_id, record.name))
        values = [
            str(value["Value"])
            for item in answer["ResourceRecordSets"]
            if normalize_name(item["Name"]) == normalize_name(record.name)
            and item["Type"] == "CNAME"
            for value in item.get("ResourceRecords", ())
        ]
        places.append(RecordPlace(record, zone_id, tuple(values)))
    return places


def require_no_other_records(places: Sequence[RecordPlace]) -> None:
    """Raises OpsError if the zone has another record at a name: it may be somebody's."""
    for place in places:
        if place.present and not place.is_in_zone:
            raise OpsError(
                f"{place.record.name} is {', '.join(place.present)} in {place.zone_id}, must be "
                f"{place.record.value}: it is not overwritten; delete it if nobody needs it"
            )


def describe_records_left(places: Sequence[RecordPlace]) -> list[str]:
    """What a person must do about the records that no plan creates."""
    texts = [f"to be set by hand: {format_record(p.record)}" for p in places if p.zone_id is None]
    return texts + [
        f"{place.record.name} is in {place.zone_id}, which DNS does not ask: the domain's name "
        "servers must be those of the zone"
        for place in places
        if place.is_in_zone
    ]


def build_validation_plan(
    outputs: Outputs, run: str, certificate: Certificate, places: Sequence[RecordPlace]
) -> Plan:
    """Builds the plan: a record is created, never overwritten, and its undo deletes it.

    A certificate that was not issued yet is waited for. A renewal is not: ACM looks again by
    itself within hours.
    """
    steps = [
        _build_record_step(number, place)
        for number, place in enumerate(places, 1)
        if place.zone_id is not None and not place.is_in_zone
    ]
    notes = describe_records_left(places)
    changes = [
        f"{place.record.name}: nothing -> CNAME {place.record.value}"
        for place in places
        if place.zone_id is not None and not place.is_in_zone
    ]
    if certificate.status == "PENDING_VALIDATION":
        steps.append(_build_issued_step(outputs, certificate))
        changes.append(f"{certificate.subject}: not validated -> issued")
    else:
        notes.append("ACM looks for the records of a renewal again by itself, within hours")
    return build_stack_plan(
        outputs,
        run,
        "certificate validate",
        *steps,
        changes=changes,
        losses=(),
        cost=NO_COST,
        notes=notes,
        arguments=certificate.arn,
    )


def _build_record_step(number: int, place: RecordPlace) -> Step:
    record, zone_id = place.record, str(place.zone_id)
    name = normalize_name(record.name) + "."
    look = Call(api=_RECORDS_API, params=_build_look_params(zone_id, name))
    values_path = f"ResourceRecordSets[?Name=='{name}' && Type=='CNAME'].ResourceRecords[].Value"
    return Step(
        name=f"record_{number}",
        description=f"create {format_record(record)}",
        action=Call(
            api=CHANGE_API,
            params=_build_change_params(zone_id, "CREATE", name, record.value),
            expected_errors=RECORD_EXISTS_CODES,
        ),
        goal=Wait(read=look, met={values_path: [record.value]}, every=5, within=120),
        undo=(
            Step(
                name=f"delete_record_{number}",
                description=f"delete {name}",
                action=Call(
                    api=CHANGE_API,
                    params=_build_change_params(zone_id, "DELETE", name, record.value),
                    expected_errors=RECORD_EXISTS_CODES,
                ),
                goal=Wait(read=look, met={values_path: []}, every=5, within=120),
            ),
        ),
    )


def _build_issued_step(outputs: Outputs, certificate: Certificate) -> Step:
    look = Call(
        api=CERTIFICATE_API,
        params={"CertificateArn": certificate.arn},
        region=outputs.stack.region,
    )
    return Step(
        name="issued",
        description=f"see {certificate.subject} issued",
        action=look,
        goal=Wait(
            read=look,
            met={"Certificate.Status": "ISSUED"},
            failed={"Certificate.Status": list(DEAD_STATES)},
            every=30,
            within=7200,
            typical=300,
            source="ACM User Guide, DNS validation: up to 30 minutes, usually a few",
        ),
    )


def _build_look_params(zone_id: str, name: str) -> JsonObject:
    return {
        "HostedZoneId": zone_id,
        "StartRecordName": name,
        "StartRecordType": "CNAME",
        "MaxItems": "1",
    }


def _build_change_params(zone_id: str, action: str, name: str, value: str) -> JsonObject:
    record: JsonObject = {
        "Name": name,
        "Type": "CNAME",
        "TTL": RECORD_TTL_SECONDS,
        "ResourceRecords": [{"Value": value}],
    }
    changes: JsonObject = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    return {"HostedZoneId": zone_id, "ChangeBatch": changes}


def _call(aws: Aws, api: str, params: JsonObject) -> Any:
    try:
        return aws.call(api, params)
    except CALL_ERRORS as error:
        raise explain_error(error, api) from error
