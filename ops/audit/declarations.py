"""What the commands of `ops audit` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.check_record import UPKEEP_VIEWS
from ops.core.declaration import Declaration
from ops.health.registry import list_view_calls
from ops.permissions.call_sets import RECORD

_WRITES: Final = (*RECORD, "s3.head_object", "s3.put_object", "sts.get_caller_identity")
# Of what has policies of its own.
RESOURCE_POLICY_CALLS: Final = (
    "kms.get_key_policy",
    "s3.get_bucket_policy",
    "secretsmanager.get_resource_policy",
    "sns.get_topic_attributes",
    "sqs.get_queue_attributes",
    "sqs.get_queue_url",
)
_WRONG_IDS: Final = ("nonsense", "open-security-groups", "nonsense/sg-1", "open-ports /sg-1")
# A finding is looked for by its own check before it is waived.
_UPKEEP_CALLS: Final = frozenset(call for view in UPKEEP_VIEWS for call in list_view_calls(view))

DECLARATIONS: Final = (
    Declaration(
        "audit",
        role="reader",
        calls=list_view_calls("audit"),
        bad={"--waive": _WRONG_IDS, "--unwaive": _WRONG_IDS},
    ),
    Declaration(
        "audit may",
        role="reader",
        calls=("iam.simulate_principal_policy", *RESOURCE_POLICY_CALLS),
        needs={"ROLE": "backend", "ACTION": "s3:GetObject"},
        bad={
            "ROLE": ("no such role", "arn:aws:iam::999999999999:role/x", "'*'"),
            "ACTION": ("GetObject", "s3:Get*", "s3:", "s3"),
            "RESOURCE": ("nonsense", "no-bucket/x"),
            "--context": ("aws:SourceIp", "SourceIp=1"),
        },
        judged_by_aws={"ROLE": "whether there is such a role or user"},
    ),
    Declaration(
        "audit used",
        role="reader",
        calls=(
            "iam.generate_service_last_accessed_details",
            "iam.get_account_authorization_details",
            "iam.get_service_last_accessed_details",
        ),
        bad={
            "ROLE": ("no such role", "user/ann", "arn:aws:iam::999999999999:role/x"),
            "--days": ("0", "401", "x"),
            "--to": ("/no/such/folder/policy.json", "policy.txt"),
        },
        judged_by_aws={"ROLE": "whether there is such a role"},
    ),
    Declaration(
        "audit --waive",
        role="operator",
        calls=tuple(sorted({*_UPKEEP_CALLS, *_WRITES})),
        needs={
            "--waive": "open-security-groups/sg-1/tcp/22/0.0.0.0-0",
            "--until": "90d",
            "--reason": "'bastion until the VPN is there'",
        },
        bad={"--waive": _WRONG_IDS},
    ),
    Declaration(
        "audit --unwaive",
        role="operator",
        calls=_WRITES,
        bad={"--unwaive": _WRONG_IDS},
    ),
)
