"""The plan of `ops certificate request`: a certificate that is validated by DNS."""

import re
import shlex
from collections.abc import Sequence
from typing import Any, Final, Literal

from ops.certificate.dns_records import find_caa_refusal
from ops.certificate.model import CERTIFICATE_NAME_PATTERN, NO_CERTIFICATE_CODES, is_covered
from ops.core.aws import Aws
from ops.core.dns_query import DnsError
from ops.core.errors import OpsError, UsageError
from ops.core.plan import REFERENCE_NOT_FOUND, RUN_TAG, Call, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.core.tagged_creation import (
    TAGGED_ARN_PATH,
    build_creation_goal,
    build_find_step,
    build_tagged_read,
)
from ops.health.load_balancer import CERTIFICATE_API
from ops.outputs import Outputs

# ACM API reference, RequestCertificate: DomainName "must be less than or equal to 64 characters".
MAX_FIRST_NAME: Final = 64
DEFAULT_NAME_QUOTA: Final = 10  # ACM User Guide, "Quotas": domain names per certificate
MAX_NAMES: Final = 100  # ACM API reference, SubjectAlternativeNames: at most 100
# Those that ACM issues and load balancers take: ACM User Guide, "Certificate characteristics".
KeyAlgorithm = Literal["RSA_2048", "EC_prime256v1", "EC_secp384r1"]
CERTIFICATE_TYPE: Final = "acm:certificate"  # as the tagging API has it
FIND_STEP: Final = "find_requested"
ARN_PATH: Final = f"request.{TAGGED_ARN_PATH}"
RECORD_COUNT_PATH: Final = "length(Certificate.DomainValidationOptions[?ResourceRecord.Name])"


def parse_names(words: Sequence[str], option: str = "NAMES") -> tuple[str, ...]:
    """Host names in small letters, each once. Raises UsageError unless ACM would take them."""
    names = tuple(dict.fromkeys(word.lower().rstrip(".") for word in words))
    for name in names:
        if not CERTIFICATE_NAME_PATTERN.fullmatch(name):
            raise UsageError(
                f"{option} must be host names like app.example.com or *.example.com (a star for "
                f"the first label alone), not {name!r}"
            )
    if len(names[0]) > MAX_FIRST_NAME:
        raise UsageError(
            f"the first of NAMES must have at most {MAX_FIRST_NAME} characters, not "
            f"{len(names[0])}: put a shorter one first"
        )
    if len(names) > MAX_NAMES:
        raise UsageError(f"NAMES must be at most {MAX_NAMES}, not {len(names)}")
    return names


def require_issuable(names: Sequence[str]) -> list[str]:
    """Notes about CAA. Raises OpsError if a name's records forbid Amazon to issue."""
    notes: list[str] = []
    for name in names:
        try:
            refusal = find_caa_refusal(name)
        except DnsError as error:
            notes.append(f"whether CAA lets Amazon issue for {name} is unknown: {error}")
            continue
        if refusal:
            raise OpsError(
                f"{refusal} forbids Amazon to issue for {name}, so that ACM would fail with "
                f'CAA_ERROR: add CAA 0 issue "amazon.com" to {refusal.partition(" ")[0]} first'
            )
    return notes


def build_request_plan(
    outputs: Outputs,
    run: str,
    names: tuple[str, ...],
    *,
    algorithm: KeyAlgorithm,
    notes: Sequence[str] = (),
) -> Plan:
    """Builds the plan. Its undo deletes the certificate, which nothing uses yet."""
    first, *others = names
    tags = {RUN_TAG: run, "project": outputs.stack.project, "environment": outputs.stack.stack}
    params: JsonObject = {
        "DomainName": first,
        "ValidationMethod": "DNS",
        "KeyAlgorithm": algorithm,
        "IdempotencyToken": "${TOKEN}",
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }
    if others:
        params["SubjectAlternativeNames"] = list(others)
    describe_call = Call(
        api=CERTIFICATE_API, refs={"CertificateArn": ARN_PATH}, region=outputs.stack.region
    )
    find_call = build_tagged_read(run, CERTIFICATE_TYPE, outputs.stack.region)
    request = Step(
        name="request",
        description=f"request a certificate for {', '.join(names)}",
        action=Call(api="acm.request_certificate", params=params, region=outputs.stack.region),
        goal=build_creation_goal(find_call),
        undo=(
            build_find_step(
                FIND_STEP, "find the certificate that this run requested, if any", find_call
            ),
            _build_deletion_step(outputs),
        ),
    )
    records = Step(
        name="records",
        description="see the records that ACM asks for",
        action=describe_call,
        goal=Wait(read=describe_call, met={RECORD_COUNT_PATH: len(names)}, every=5, within=600),
    )
    plan = build_stack_plan(
        outputs,
        run,
        "certificate request",
        request,
        records,
        changes=[f"certificates of ACM: one more, for {', '.join(names)}, not validated yet"],
        losses=(),
        cost=NO_COST,  # ACM's pricing: public certificates for AWS services are free
        notes=[*_list_notes(names), *notes],
        arguments=f"{shlex.join(names)} --key {algorithm}",
    )
    # \w and at most 32 characters: ACM API reference, IdempotencyToken.
    token = re.sub(r"\W", "_", run)[-32:]
    return plan.model_copy(update={"captured": {"TOKEN": token}})


def _build_deletion_step(outputs: Outputs) -> Step:
    absent_codes = (*NO_CERTIFICATE_CODES, REFERENCE_NOT_FOUND)
    refs = {"CertificateArn": f"{FIND_STEP}.{TAGGED_ARN_PATH}"}
    region = outputs.stack.region
    return Step(
        name="delete",
        description="delete the requested certificate",
        action=Call(
            api="acm.delete_certificate", refs=refs, expected_errors=absent_codes, region=region
        ),
        goal=Wait(
            read=Call(api=CERTIFICATE_API, refs=refs, expected_errors=absent_codes, region=region),
            met={f"contains({list(absent_codes)}, answer || '')": True},
            every=5,
            within=300,
        ),
    )


def _list_notes(names: Sequence[str]) -> list[str]:
    notes = ["the names become public: every authority logs what it issues"]
    notes += [
        f"{name} does not stand for {name[2:]} itself"
        for name in names
        if name.startswith("*.") and not is_covered(name[2:], names)
    ]
    if len(names) > DEFAULT_NAME_QUOTA:
        notes.append(
            f"{len(names)} names are more than the {DEFAULT_NAME_QUOTA} of an account whose quota "
            "was not raised: ACM refuses them there"
        )
    return notes


def find_requested_arn(aws: Aws, outputs: Outputs, run: str) -> str:
    """The certificate that a run requested, by its tag. Raises OpsError if there is none."""
    read = build_tagged_read(run, CERTIFICATE_TYPE, outputs.stack.region)
    answer: Any = aws.call(read.api, read.params)
    mappings = answer["ResourceTagMappingList"]
    if not mappings:
        raise OpsError(f"no certificate has the tag {RUN_TAG}={run}", "ops certificate show")
    return str(mappings[0]["ResourceARN"])
