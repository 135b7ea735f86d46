"""`ops bootstrap`."""

import json
from dataclasses import replace
from typing import Final

from botocore.exceptions import ClientError

from ops.bootstrap import inspection as looking
from ops.bootstrap import roles
from ops.bootstrap.names import FoundationNames, RepositoryIds
from ops.core.plan import Plan
from tests.ops.procedures import Procedure
from tests.ops.stage import ACCOUNT, RECOVERY_REGION, REGION, KillFuse, Stage

FOUNDATION_NAMES: Final = FoundationNames(
    project="bulwark",
    repository="owner/fork",
    repository_ids=RepositoryIds(owner=1, repository=2),
    is_github_known=False,
    partition="aws",
    account=ACCOUNT,
    region=REGION,
    recovery_region=RECOVERY_REGION,
    environments=("dev",),
)
FOUNDATION_WITHOUT_RECOVERY: Final = replace(FOUNDATION_NAMES, recovery_region=None)
BOOTSTRAP_LINE: Final = "--repository owner/fork --environments dev"
BOOTSTRAP_RECOVERY_LINE: Final = f"{BOOTSTRAP_LINE} --recovery-region {RECOVERY_REGION}"


def put_empty_account(stage: Stage) -> None:
    """An account in which nothing is."""


def put_drifted_foundation(stage: Stage) -> None:
    """A foundation of which somebody has changed a trust, a policy and a setting of a bucket."""
    assert stage.build_engine(KillFuse()).start(plan_foundation(stage, FOUNDATION_NAMES)) == "done"
    iam, s3, kms = stage.client("iam"), stage.client("s3"), stage.client("kms")
    anybody = {
        "Effect": "Allow",
        "Principal": {"Federated": FOUNDATION_NAMES.oidc_provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
    }
    open_policy = json.dumps({"Version": "2012-10-17", "Statement": [anybody]})
    iam.update_assume_role_policy(RoleName="bulwark-deploy-dev", PolicyDocument=open_policy)
    iam.delete_role_policy(RoleName="bulwark-preview", PolicyName=roles.ROLE_POLICY_NAME)
    s3.delete_bucket_policy(Bucket=FOUNDATION_NAMES.get_state_bucket(REGION))
    key = kms.describe_key(KeyId=FOUNDATION_NAMES.get_key_alias("state"))["KeyMetadata"]["KeyId"]
    iam.create_policy_version(
        PolicyArn=FOUNDATION_NAMES.build_boundary_arn("dev"),
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
            }
        ),
        SetAsDefault=True,
    )
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=open_policy)
    kms.disable_key_rotation(KeyId=key)
    iam.remove_client_id_from_open_id_connect_provider(
        OpenIDConnectProviderArn=FOUNDATION_NAMES.oidc_provider_arn, ClientID="sts.amazonaws.com"
    )


def put_foundation_without_recovery(stage: Stage) -> None:
    """A foundation without a recovery region."""
    assert (
        stage.build_engine(KillFuse()).start(
            plan_foundation(stage, FOUNDATION_WITHOUT_RECOVERY, "bootstrap-0")
        )
        == "done"
    )


def plan_foundation(
    stage: Stage, names: FoundationNames = FOUNDATION_NAMES, run: str = "bootstrap-1"
) -> Plan:
    plan = looking.build_bootstrap_plan(
        names, looking.inspect_foundation(names, stage.aws, run), run
    )
    assert plan is not None
    return plan


def plan_sample(stage: Stage, names: FoundationNames) -> Plan:
    """As much of a foundation as has one of each kind of step in it: the others are their likes."""
    plan = plan_foundation(stage, names)
    sample_steps = tuple(step for step in plan.steps if step.name in SAMPLE_STEP_NAMES)
    assert sample_steps
    return plan.model_copy(update={"steps": sample_steps})


def collect_foundation_facts(stage: Stage) -> tuple[object, ...]:
    """Every part of the foundation as it is looked at, and how many keys there are."""
    parts = [
        (part.step.name, part.state)
        for part in looking.inspect_foundation(FOUNDATION_NAMES, stage.aws, "bootstrap-2")
    ]
    return parts, list_key_states(stage)


def collect_facts_without_recovery(stage: Stage) -> tuple[object, ...]:
    """What an undo of the recovery region leaves: all else, and no bucket there."""
    parts = {
        item.step.name: item.state
        for item in looking.inspect_foundation(
            FOUNDATION_WITHOUT_RECOVERY, stage.aws, "bootstrap-2"
        )
    }
    bucket_names = {item["Name"] for item in stage.client("s3").list_buckets()["Buckets"]}
    return parts, FOUNDATION_NAMES.get_state_bucket(RECOVERY_REGION) in bucket_names


def collect_retained_facts(stage: Stage) -> tuple[object, ...]:
    """What an undo leaves: but for access logs, nothing but keys that are to be deleted."""
    s3, iam = stage.client("s3"), stage.client("iam")
    states = {FOUNDATION_NAMES.get_state_bucket(region) for region in FOUNDATION_NAMES.regions}
    buckets = sorted(states & {item["Name"] for item in s3.list_buckets()["Buckets"]})
    aliases = [
        (purpose, region, _has_alias(stage, purpose, region))
        for purpose in FOUNDATION_NAMES.key_purposes
        for region in FOUNDATION_NAMES.regions
    ]
    enabled_keys = [state for _, state in list_key_states(stage) if state == "Enabled"]
    role_names = [item["RoleName"] for item in iam.list_roles()["Roles"]]
    providers = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    policies = [item["PolicyName"] for item in iam.list_policies(Scope="Local")["Policies"]]
    return buckets, aliases, enabled_keys, role_names, providers, policies


def _has_alias(stage: Stage, purpose: str, region: str) -> bool:
    try:
        stage.client("kms", region).describe_key(KeyId=FOUNDATION_NAMES.get_key_alias(purpose))
    except ClientError:
        return False
    return True


def list_key_states(stage: Stage) -> list[tuple[str, str]]:
    """Region and state of every key."""
    key_states = []
    for region in FOUNDATION_NAMES.regions:
        kms = stage.client("kms", region)
        for key in kms.list_keys()["Keys"]:
            state = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"]
            key_states.append((region, state))
    return sorted(key_states)


SAMPLE_STEP_NAMES: Final = frozenset(
    """
    key_state alias_state rotation_state replica_state alias_state_away provider boundary_dev
    role_preview may_preview role_state_replication bucket_state encryption_state policy_state
    bucket_state_away versions_state_away policy_state_away replication_state
    """.split()
)
# A key is made once; killed right around that call, nobody knows whether it was.
DOUBTFUL_STEPS: Final = frozenset({"key_state"})
# And looked for by what takes it back.
LOOKUP_STEPS: Final = frozenset(f"find_{name}" for name in DOUBTFUL_STEPS)
PROCEDURES: Final = (
    Procedure(
        "bootstrap",
        BOOTSTRAP_LINE,
        put_empty_account,
        lambda stage: plan_sample(stage, FOUNDATION_WITHOUT_RECOVERY),
        collect_foundation_facts,
        collect_undone_facts=collect_retained_facts,
        doubtful_steps=DOUBTFUL_STEPS,
        steps_maybe_done=LOOKUP_STEPS,
        is_long=True,
        pair_interval=53,
    ),
    Procedure(
        "bootstrap",
        BOOTSTRAP_RECOVERY_LINE,
        put_foundation_without_recovery,
        lambda stage: plan_sample(stage, FOUNDATION_NAMES),
        collect_foundation_facts,
        collect_undone_facts=collect_facts_without_recovery,
        is_long=True,
        pair_interval=53,
    ),
    Procedure(
        "bootstrap",
        f"{BOOTSTRAP_RECOVERY_LINE} --reason drifted",
        put_drifted_foundation,
        plan_foundation,
        collect_foundation_facts,
        is_long=True,
        pair_interval=53,
    ),
)
