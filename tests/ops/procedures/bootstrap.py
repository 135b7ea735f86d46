"""`ops bootstrap`."""

import json
from dataclasses import replace
from typing import Final

from botocore.exceptions import ClientError

from ops.bootstrap import inspection as looking
from ops.bootstrap import roles
from ops.bootstrap.names import KEY_PURPOSES, FoundationNames
from ops.core.plan import Plan
from tests.ops.procedures import Procedure
from tests.ops.stage import ACCOUNT, RECOVERY, REGION, Fuse, Stage

GIVEN: Final = FoundationNames(
    project="bulwark",
    repository="owner/fork",
    partition="aws",
    account=ACCOUNT,
    region=REGION,
    recovery_region=RECOVERY,
    environments=("dev",),
)
ALONE: Final = replace(GIVEN, recovery_region=None)
HERE: Final = "--repository owner/fork --environments dev"
OPTIONS: Final = f"{HERE} --recovery-region {RECOVERY}"


def put_nothing(on: Stage) -> None:
    """An account in which nothing is."""


def put_drifted(on: Stage) -> None:
    """A foundation of which somebody has changed a trust, a policy and a setting of a bucket."""
    assert on.engine(Fuse()).start(made(on, GIVEN)) == "done"
    iam, s3, kms = on.client("iam"), on.client("s3"), on.client("kms")
    anybody = {
        "Effect": "Allow",
        "Principal": {"Federated": GIVEN.oidc_provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
    }
    open_ = json.dumps({"Version": "2012-10-17", "Statement": [anybody]})
    iam.update_assume_role_policy(RoleName="bulwark-deploy-dev", PolicyDocument=open_)
    iam.delete_role_policy(RoleName="bulwark-preview", PolicyName=roles.ROLE_POLICY_NAME)
    s3.delete_bucket_policy(Bucket=GIVEN.get_state_bucket(REGION))
    key = kms.describe_key(KeyId=GIVEN.get_key_alias("state"))["KeyMetadata"]["KeyId"]
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=open_)
    kms.disable_key_rotation(KeyId=key)
    iam.remove_client_id_from_open_id_connect_provider(
        OpenIDConnectProviderArn=GIVEN.oidc_provider_arn, ClientID="sts.amazonaws.com"
    )


def put_alone(on: Stage) -> None:
    """A foundation without a recovery region."""
    assert on.engine(Fuse()).start(made(on, ALONE, "bootstrap-0")) == "done"


def made(on: Stage, given: FoundationNames = GIVEN, run: str = "bootstrap-1") -> Plan:
    plan = looking.build_bootstrap_plan(given, looking.inspect_foundation(given, on.aws, run), run)
    assert plan is not None
    return plan


def one_of_each(on: Stage, given: FoundationNames) -> Plan:
    """As much of a foundation as has one of each kind of step in it: the others are their likes."""
    plan = made(on, given)
    kept = tuple(step for step in plan.steps if step.name in KINDS)
    assert kept
    return plan.model_copy(update={"steps": kept})


def facts(on: Stage) -> tuple[object, ...]:
    """Every part of the foundation as it is looked at, and how many keys there are."""
    parts = [
        (one.step.name, one.state)
        for one in looking.inspect_foundation(GIVEN, on.aws, "bootstrap-2")
    ]
    return parts, keys_of(on)


def without_copy(on: Stage) -> tuple[object, ...]:
    """What an undo of the recovery region leaves: all else, and no bucket there."""
    parts = {
        one.step.name: one.state for one in looking.inspect_foundation(ALONE, on.aws, "bootstrap-2")
    }
    there = {one["Name"] for one in on.client("s3").list_buckets()["Buckets"]}
    return parts, GIVEN.get_state_bucket(RECOVERY) in there


def kept(on: Stage) -> tuple[object, ...]:
    """What an undo leaves: but for access logs, nothing but keys that are to be deleted."""
    s3, iam = on.client("s3"), on.client("iam")
    states = {GIVEN.get_state_bucket(region) for region in GIVEN.regions}
    there = sorted(states & {one["Name"] for one in s3.list_buckets()["Buckets"]})
    named = [
        (purpose, region, _named(on, purpose, region))
        for purpose in KEY_PURPOSES
        for region in GIVEN.regions
    ]
    live = [state for _, state in keys_of(on) if state == "Enabled"]
    listed = [one["RoleName"] for one in iam.list_roles()["Roles"]]
    providers = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    return there, named, live, listed, providers


def _named(on: Stage, purpose: str, region: str) -> bool:
    try:
        on.client("kms", region).describe_key(KeyId=GIVEN.get_key_alias(purpose))
    except ClientError:
        return False
    return True


def keys_of(on: Stage) -> list[tuple[str, str]]:
    """Region and state of every key."""
    found = []
    for region in GIVEN.regions:
        kms = on.client("kms", region)
        for key in kms.list_keys()["Keys"]:
            state = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"]
            found.append((region, state))
    return sorted(found)


KINDS: Final = frozenset(
    """
    key_state alias_state rotation_state replica_state alias_state_away provider role_preview
    may_preview role_state_replication bucket_state encryption_state policy_state
    bucket_state_away versions_state_away policy_state_away replication_state
    """.split()
)
# A key is made once; killed right around that call, nobody knows whether it was.
DOUBTS: Final = frozenset({"key_state"})
# And looked for by what takes it back.
FOUND: Final = frozenset(f"find_{name}" for name in DOUBTS)
PROCEDURES: Final = (
    Procedure(
        "bootstrap",
        HERE,
        put_nothing,
        lambda on: one_of_each(on, ALONE),
        facts,
        undone=kept,
        doubts=DOUBTS,
        already=FOUND,
        long=True,
    ),
    Procedure(
        "bootstrap",
        OPTIONS,
        put_alone,
        lambda on: one_of_each(on, GIVEN),
        facts,
        undone=without_copy,
        long=True,
    ),
    Procedure("bootstrap", f"{OPTIONS} --reason drifted", put_drifted, made, facts, long=True),
)
