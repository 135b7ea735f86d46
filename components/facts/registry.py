"""Facts of image repositories."""

from typing import Final

from components.facts.billing import build_usage_lister
from components.facts.model import DataLoss, ResourceFact

FACTS: Final = (
    ResourceFact(type="aws:ecr/lifecyclePolicy:LifecyclePolicy"),
    ResourceFact(
        type="aws:ecr/repository:Repository",
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
    ResourceFact(type="aws:ecr/repositoryPolicy:RepositoryPolicy"),
)
