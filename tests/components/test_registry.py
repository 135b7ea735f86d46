"""The registry: what each repository keeps, and whom it lets in."""

import json

import pytest
from pydantic import JsonValue

from components.account import Account
from components.keys import Keys, KeysArgs
from components.registry import Registry, RegistryArgs, build_image_pull_statements
from sandbox.program import ResourceGraph
from tests.conftest import Build
from tests.world import build_settings

ECR_REPOSITORY_TYPE = "aws:ecr/repository:Repository"
ECR_REPOSITORY_POLICY_TYPE = "aws:ecr/repositoryPolicy:RepositoryPolicy"
ECR_LIFECYCLE_POLICY_TYPE = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
TWO_SERVICES_CONFIG: dict[str, JsonValue] = {"services": {"api": {"paths": ["/api/*"]}, "web": {}}}


def _build_registry_graph(
    build: Build, values: dict[str, JsonValue] | None = None, profile: str = "prod"
) -> ResourceGraph:
    settings = build_settings(values, profile=profile)

    def program() -> None:
        keys = Keys("keys", args=KeysArgs(settings=settings, account=Account.get_current()))
        Registry("registry", args=RegistryArgs(settings=settings, keys=keys))

    return build(program)


@pytest.mark.parametrize(
    ("compute", "names"),
    [
        ("services", ["api", "web"]),
        ("fleet", ["fleet"]),
        ("both", ["api", "fleet", "web"]),
    ],
)
def test_each_service_and_the_fleet_have_a_repository(
    build: Build, compute: str, names: list[str]
) -> None:
    repositories = _build_registry_graph(
        build, {**TWO_SERVICES_CONFIG, "compute": compute}
    ).list_resources(ECR_REPOSITORY_TYPE)
    assert sorted(r.inputs["name"] for r in repositories) == [
        f"bulwark/test/{name}" for name in names
    ]
    assert all(r.protect and not r.inputs["forceDelete"] for r in repositories)


def test_ecr_1_images_are_scanned_when_they_come(build: Build) -> None:
    repository = _build_registry_graph(build).get_resource(ECR_REPOSITORY_TYPE)
    assert repository.inputs["imageScanningConfiguration"] == {"scanOnPush": True}


def test_ecr_2_a_tag_never_moves(build: Build) -> None:
    assert (
        _build_registry_graph(build).get_resource(ECR_REPOSITORY_TYPE).inputs["imageTagMutability"]
        == "IMMUTABLE"
    )


def test_ecr_3_untagged_images_go_and_a_tagged_one_that_may_run_never_does(build: Build) -> None:
    rules = json.loads(
        _build_registry_graph(build).get_resource(ECR_LIFECYCLE_POLICY_TYPE).inputs["policy"]
    )["rules"]
    assert [rule["selection"] for rule in rules] == [
        {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": 7,
        }
    ]


def test_a_repository_is_encrypted_with_the_stacks_key_where_it_has_one(build: Build) -> None:
    encryption = (
        _build_registry_graph(build)
        .get_resource(ECR_REPOSITORY_TYPE)
        .inputs["encryptionConfigurations"][0]
    )
    assert encryption["encryptionType"] == "KMS"
    assert encryption["kmsKey"].endswith("keys-data")
    dev = (
        _build_registry_graph(build, profile="dev")
        .get_resource(ECR_REPOSITORY_TYPE)
        .inputs["encryptionConfigurations"]
    )
    assert dev == [{"encryptionType": "AES256"}]


def test_repositories_admit_the_own_account_only(build: Build) -> None:
    policy = json.loads(
        _build_registry_graph(build).get_resource(ECR_REPOSITORY_POLICY_TYPE).inputs["policy"]
    )
    assert [s["Principal"] for s in policy["Statement"]] == [
        {"AWS": ["arn:aws:iam::123456789012:root"]}
    ]
    assert "ecr:*" not in policy["Statement"][0]["Action"]


@pytest.mark.parametrize(
    ("image", "further"),
    [
        ("public.ecr.aws/nginx/nginx-unprivileged:stable", []),
        ("123456789012.dkr.ecr.eu-north-1.amazonaws.com/bulwark/test/web:1", []),
        (
            "210987654321.dkr.ecr.eu-west-1.amazonaws.com/shared/app@sha256:" + "0" * 64,
            ["arn:aws:ecr:eu-west-1:210987654321:repository/shared/app"],
        ),
    ],
)
def test_only_named_repositories_may_be_pulled_from(
    build: Build, image: str, further: list[str]
) -> None:
    import pulumi

    image_lists: list[list[str]] = []

    def program() -> None:
        pulumi.ComponentResource("test:index:Anything", "anything")
        statements = build_image_pull_statements(
            build_settings(), account=Account.get_current(), service="web", image=image
        )
        pulumi.Output.all(*statements[1].resources).apply(image_lists.append)

    build(program)
    assert image_lists == [
        ["arn:aws:ecr:eu-north-1:123456789012:repository/bulwark/test/web", *further]
    ]
