"""Facts of image repositories."""

from typing import Final

from components.facts.billing import build_usage_lister
from components.facts.model import ChangeEffect, DataLoss, Guard, ProtectionRule, ResourceFact

FACTS: Final = (
    ResourceFact(
        type="aws:ecr/lifecyclePolicy:LifecyclePolicy",
        replacing=("repository",),
        protections=(
            ProtectionRule(
                "policy",
                "changed",
                "other images expire: keep those that run",
                "ECR User Guide, Lifecycle policies",
            ),
        ),
    ),
    ResourceFact(
        type="aws:ecr/repository:Repository",
        replacing=("encryptionConfigurations",),
        protections=(
            ProtectionRule(
                "forceDelete",
                "on",
                "a later deletion also deletes its images",
                "ECR User Guide, Deleting a private repository",
            ),
            ProtectionRule(
                "imageTagMutability",
                "changed",
                "a tag may be moved to another image",
                "ECR User Guide, Image tag mutability",
            ),
            ProtectionRule(
                "imageScanningConfiguration",
                "changed",
                "new images may no longer be scanned",
                "ECR User Guide, Image scanning",
            ),
        ),
        list_charges=build_usage_lister("images", "ecr"),
        data_loss=DataLoss(
            "its images: no task can start or be rolled back",
            "none for running tasks; new ones need the images pushed again",
            "ECR User Guide, Deleting a private repository",
            (
                ("forceDelete", True, "forceDelete is on, so it is emptied first"),
                ("forceDelete", False, "AWS refuses it unless it is empty"),
            ),
        ),
        must_be_protected=True,
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:ecr/repositoryPolicy:RepositoryPolicy",
        replacing=("repository",),
        updates={
            "policy": ChangeEffect(
                "who may pull and push changes",
                "at once for new tasks",
                "ECR User Guide, Private repository policies",
            ),
        },
        guard=Guard(
            "its conditions no longer hold: who may pull and push is decided by IAM alone",
            "ECR User Guide, Private repository policies",
        ),
    ),
)
