"""Waivers: findings that somebody decided to live with until a day, with the reason.

Objects of the operations bucket, `waivers/NAME.json`, each written once. Of several for one finding
the one that was written last counts, so a waiver is ended by one that ends now.
"""

import hashlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from pydantic import AwareDatetime, ValidationError

from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    ReadAnswer,
    ReadRequest,
    UnknownAnswerError,
    build_read,
    get_answer_items,
)
from ops.core.frozen_model import FrozenModel
from ops.core.s3 import OBJECT_NOT_FOUND_CODES, S3_OBJECT_API, S3_OBJECTS_API
from ops.findings.model import ResourceFinding, waive_finding
from ops.outputs import WAIVERS_PREFIX

KEY_TIME_FORM: Final = "%Y%m%dT%H%M%S%fZ"  # of a waiver's object, so that names sort by time
WAIVERS_AREA: Final = "waivers"


class Waiver(FrozenModel):
    """One waiver. It counts from `time` until `until`."""

    version: int = 1
    finding: str
    until: AwareDatetime
    reason: str
    by: str
    time: AwareDatetime

    def describe(self) -> str:
        """Says in a line who waived it, until when, and why."""
        return f"waived until {self.until:%Y-%m-%d} by {self.by}: {self.reason}"


def get_waiver_key(finding_id: str, time: datetime) -> str:
    """The object of a waiver: a finding's own folder, by its time."""
    return f"{get_waiver_folder(finding_id)}/{time.strftime(KEY_TIME_FORM)}.json"


def get_waiver_folder(finding_id: str) -> str:
    """The folder of a finding's waivers: ids may have what a key must not."""
    return f"{WAIVERS_PREFIX}{hashlib.sha256(finding_id.encode()).hexdigest()[:24]}"


def select_waiver_keys(keys: Iterable[str]) -> list[str]:
    """The keys of the newest waiver of each finding: names of one folder sort by time."""
    newest: dict[str, str] = {}
    for key in sorted(keys):
        if key.endswith(".json"):
            newest[key.rpartition("/")[0]] = key
    return list(newest.values())


def apply_waivers(
    facts: CheckFacts, findings: Sequence[CheckFinding]
) -> Generator[Sequence[ReadRequest], list[ReadAnswer], list[CheckFinding]]:
    """Marks findings that are waived now as ok. To be yielded from, at the end of a check.

    Reads nothing if nothing is open. If waivers cannot be read, findings stay open and one more
    says so: a waiver that is not seen hides nothing.
    """
    if not any(isinstance(finding, ResourceFinding) for finding in findings):
        return list(findings)
    bucket = facts.outputs.backups.operations_bucket
    (list_answer,) = yield [
        build_read(S3_OBJECTS_API, "Contents", Bucket=bucket, Prefix=WAIVERS_PREFIX)
    ]
    if isinstance(list_answer, UnknownAnswerError):
        return [*findings, _build_unknown_finding(str(list_answer), list_answer.advice)]
    keys = select_waiver_keys(str(item["Key"]) for item in list_answer)
    if not keys:
        return list(findings)
    answers = yield [
        build_read(S3_OBJECT_API, "", Bucket=bucket, Key=key, absent_codes=OBJECT_NOT_FOUND_CODES)
        for key in keys
    ]
    waivers: dict[str, Waiver] = {}
    gaps: list[CheckFinding] = []
    for key, answer in zip(keys, answers, strict=True):
        try:
            for item in get_answer_items(answer):
                waiver = Waiver.model_validate_json(str(item["text"]))
                waivers[waiver.finding] = waiver
        except UnknownAnswerError as error:
            gaps.append(_build_unknown_finding(str(error), error.advice))
        except ValidationError:
            gaps.append(_build_unknown_finding(f"s3://{bucket}/{key} is not a waiver", ""))
    return [*_mark_waived_findings(findings, waivers, facts.now), *gaps]


def _mark_waived_findings(
    findings: Iterable[CheckFinding], waivers: Mapping[str, Waiver], now: datetime
) -> list[CheckFinding]:
    marked_findings: list[CheckFinding] = []
    for finding in findings:
        waiver = waivers.get(finding.id) if isinstance(finding, ResourceFinding) else None
        if waiver is None or not isinstance(finding, ResourceFinding) or waiver.until <= now:
            marked_findings.append(finding)
        else:
            marked_findings.append(waive_finding(finding, waiver.describe()))
    return marked_findings


def _build_unknown_finding(evidence: str, advice: str) -> CheckFinding:
    return CheckFinding("unknown", WAIVERS_AREA, "waivers", evidence, advice)
