"""Image repositories."""

from sandbox.resources.entry import REST, Call, Entries, Entry, Naming

ENTRIES: Entries = {
    "aws:ecr/repository:Repository": Entry(
        "ecr.create_repository",
        id="out.repository.repositoryName",
        naming=Naming(prefix=None, limit=256),
        outputs={
            "arn": "out.repository.repositoryArn",
            "repositoryUrl": "out.repository.repositoryUri",
            "registryId": "out.repository.registryId",
        },
        find=Call("ecr.describe_repositories", {"repositoryNames": ["id"]}),
        found="out.repositories",
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Entry(
        Call(
            "ecr.put_lifecycle_policy",
            {"repositoryName": "in.repository", "lifecyclePolicyText": "in.policy"},
        ),
        id="in.repository",
        outputs={"registryId": "account"},
        find=Call("ecr.get_lifecycle_policy", {"repositoryName": "id"}),
        found="out.lifecyclePolicyText",
    ),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": Entry(
        Call(
            "ecr.set_repository_policy",
            {"repositoryName": "in.repository", "policyText": "in.policy"},
            fit=REST,
        ),
        id="in.repository",
        outputs={"registryId": "account"},
        find=Call("ecr.get_repository_policy", {"repositoryName": "id"}),
        found="out.policyText",
    ),
}
