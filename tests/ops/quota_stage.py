"""A stage whose account has little room, and a waiver for it."""

from datetime import timedelta
from typing import Final

from moto.servicequotas.models import servicequotas_backends

from ops.findings.waivers import Waiver, get_waiver_key
from sandbox.patches.service_quotas import set_applied_quota
from tests.ops import db_stage
from tests.ops.stage import ACCOUNT, REGION, Stage

INSTANCES_CODE: Final = "L-7B6409FD"
INSTANCES_FINDING: Final = f"account-quotas/{REGION}/{INSTANCES_CODE}"


def set_stage_quota(service: str, code: str, value: float, region: str = REGION) -> None:
    """Sets what applies to the account."""
    set_applied_quota(servicequotas_backends[ACCOUNT][region], service, code, value)


def put_full_account(stage: Stage) -> None:
    """A database, and no room for a second one."""
    db_stage.put_database(stage)
    set_stage_quota("rds", INSTANCES_CODE, 1)


def put_waived_quota(stage: Stage) -> None:
    """An account without room, which somebody waived."""
    put_full_account(stage)
    stage.client("s3").create_bucket(
        Bucket=stage.outputs.backups.operations_bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    put_waiver(stage, INSTANCES_FINDING)


def put_waiver(stage: Stage, finding_id: str) -> None:
    """A waiver of a finding for a day, in the operations bucket, which is there."""
    now = stage.clock.held_clock.now()
    waiver = Waiver(
        finding=finding_id, until=now + timedelta(days=1), reason="asked for", by="ann", time=now
    )
    stage.client("s3").put_object(
        Bucket=stage.outputs.backups.operations_bucket,
        Key=get_waiver_key(waiver.finding, waiver.time),
        Body=waiver.model_dump_json().encode(),
    )
