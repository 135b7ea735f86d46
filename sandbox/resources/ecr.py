"""Image repositories."""

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)

ENTRIES: EntryTable = {
    "aws:ecr/repository:Repository": ResourceEntry(
        "ecr.create_repository",
        id="out.repository.repositoryName",
        naming=PhysicalNaming(prefix=None, max_length=256),
        outputs={
            "arn": "out.repository.repositoryArn",
            "repositoryUrl": "out.repository.repositoryUri",
            "registryId": "out.repository.registryId",
        },
        find_call=EntryCall("ecr.describe_repositories", {"repositoryNames": ["id"]}),
        find_result="out.repositories",
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": ResourceEntry(
        EntryCall(
            "ecr.put_lifecycle_policy",
            {"repositoryName": "in.repository", "lifecyclePolicyText": "in.policy"},
        ),
        id="in.repository",
        outputs={"registryId": "account"},
        find_call=EntryCall("ecr.get_lifecycle_policy", {"repositoryName": "id"}),
        find_result="out.lifecyclePolicyText",
    ),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": ResourceEntry(
        EntryCall(
            "ecr.set_repository_policy",
            {"repositoryName": "in.repository", "policyText": "in.policy"},
            inputs=REMAINING_INPUTS,
        ),
        id="in.repository",
        outputs={"registryId": "account"},
        find_call=EntryCall("ecr.get_repository_policy", {"repositoryName": "id"}),
        find_result="out.policyText",
    ),
}
