"""Rules for keys and roles.

Sources: KMS Developer Guide, "Key states of AWS KMS keys"; RDS-EVENT-0419 and the status
inaccessible-encryption-credentials; IAM User Guide, "Troubleshoot access denied error messages".
"""

from typing import Final

from ops.core.parts import STACK_PART
from ops.diagnose.rule import DIRECT, LIKELY, STRONG, WEAK, CauseRule, Evidence
from ops.diagnose.rules.symptoms import CALL_SYMPTOMS, CONTAINER_CAUSES, USER_SYMPTOMS

_SYMPTOMS: Final = (*USER_SYMPTOMS, *CALL_SYMPTOMS, "rds.*", "alarm.raised.*")
_EXPLAINS: Final = (
    *CONTAINER_CAUSES,
    "image-missing",
    "secret-unreadable",
    "launch-refused",
)
_DENIED: Final = (
    "log.shape.permission",
    "ecs.stopped.secret-denied",
    "ecs.stopped.image-refused",
    "ecs.stopped.role",
    "ecs.event.role",
    "ecs.event.secret-denied",
    "ecs.event.image-refused",
    "fleet.launch.role",
)
_ROLE_CHANGES: Final = (
    "change.write.iam.*policy*",
    "change.write.iam.*role*",
    "change.write.iam.*boundary*",
)

_KEY_EVIDENCE: Final = (
    Evidence("rds.status.key-inaccessible", DIRECT, "stack"),
    Evidence("rds.event.key-inaccessible", DIRECT, "stack"),
    Evidence("ecs.stopped.key", STRONG, "stack"),
    Evidence("ecs.event.key", STRONG, "stack"),
    Evidence("fleet.launch.key", STRONG, "stack"),
    Evidence("log.shape.key", STRONG, "stack"),
)
_KEY_CHANGES: Final = ("change.write.kms.*", "change.pulumi")
_KEY_EXPLAINS: Final = (
    *_EXPLAINS,
    "role-changed",
    "database-restarted",
    "database-failover",
    "connection-storm",
)
_KEY_REFUTATION: Final = "every key of the stack is Enabled, and its policy is as it was"
_KEY_SOURCE: Final = "KMS Developer Guide, Key states of AWS KMS keys"

KEY_RULES: Final = (
    CauseRule(
        cause="key-disabled",
        part=STACK_PART,
        needs=("kms.state.*",),
        evidence=(Evidence("kms.state.*", 0.95), *_KEY_EVIDENCE),
        triggers=_KEY_CHANGES,
        trigger_scope="stack",
        explains=_KEY_EXPLAINS,
        symptoms=_SYMPTOMS,
        refutation=_KEY_REFUTATION,
        command="aws kms enable-key --key-id {subject}",
        source=_KEY_SOURCE,
    ),
    CauseRule(
        cause="key-disabled",
        part=STACK_PART,
        needs=tuple(item.pattern for item in _KEY_EVIDENCE),
        evidence=_KEY_EVIDENCE,
        triggers=_KEY_CHANGES,
        trigger_scope="stack",
        explains=_KEY_EXPLAINS,
        symptoms=_SYMPTOMS,
        refutation=_KEY_REFUTATION,
        command="ops changes --only cloudtrail",
        source=_KEY_SOURCE,
    ),
    CauseRule(
        cause="role-changed",
        needs=_DENIED,
        needs_trigger=True,
        evidence=(*(Evidence(pattern, STRONG, "stack") for pattern in _DENIED),),
        against=(Evidence("log.shape.endpoint-policy", STRONG, "stack"),),
        triggers=_ROLE_CHANGES,
        trigger_scope="stack",
        explains=_EXPLAINS,
        symptoms=_SYMPTOMS,
        refutation="the role's policies allow what was denied",
        command="pulumi up --refresh",
        source="IAM User Guide, Troubleshoot access denied error messages",
    ),
    CauseRule(
        cause="role-changed",
        needs=_DENIED,
        evidence=(
            Evidence("log.shape.permission", LIKELY),
            *(Evidence(pattern, WEAK, "stack") for pattern in _DENIED[1:]),
            Evidence("log.errors.*", WEAK),
        ),
        against=(
            Evidence("log.shape.endpoint-policy", STRONG, "stack"),
            Evidence("change.deployment", LIKELY),
        ),
        explains=("image-errors",),
        symptoms=_SYMPTOMS,
        refutation="the role's policies allow what was denied",
        command="pulumi up --refresh",
        source="IAM User Guide, Troubleshoot access denied error messages",
    ),
)
