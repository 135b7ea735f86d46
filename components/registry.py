"""The registry: an ECR repository for each service, and one for the fleet."""

from dataclasses import dataclass
from typing import Any, Final

import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from components.account import Account
from components.component import Component
from components.contract import build_contract_part
from components.keys import Keys
from components.policies import Statement, build_policy_document, format_compact_json
from components.settings import Settings
from components.settings.container import ECR_IMAGE_PATTERN
from ops.outputs import RegistryPart

PULL_ACTIONS: Final = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
)
PUSH_ACTIONS: Final = (
    "ecr:CompleteLayerUpload",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)
UNTAGGED_DAYS: Final = 7


def format_repository_name(settings: Settings, service: str) -> str:
    """Name of a service's repository: what `docker push` addresses."""
    return f"{settings.project}/{settings.stack}/{service}"


def build_image_pull_statements(
    settings: Settings, *, account: Account, service: str, image: str
) -> list[Statement]:
    """The right to pull from the service's own repository, and the one of its first image."""
    service_repository_arn = account.format_arn(
        "ecr",
        region=settings.region,
        resource=f"repository/{format_repository_name(settings, service)}",
    )
    repository_arns = [service_repository_arn]
    if (match := ECR_IMAGE_PATTERN.match(image)) and match["repository"] != format_repository_name(
        settings, service
    ):
        repository_path = f"{match['region']}:{match['account']}:repository/{match['repository']}"
        repository_arns.append(Output.concat("arn:", account.partition, ":ecr:", repository_path))
    return [
        # A token is of the whole registry: AWS has no resource level here.
        Statement(sid="Token", actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        Statement(sid="Pull", actions=PULL_ACTIONS, resources=repository_arns),
    ]


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    settings: Settings
    keys: Keys


class Registry(Component):
    """`bulwark:index:Registry`: repositories with immutable tags, scanned on push (ECR.1, .2).

    Children: for each service and the fleet `{name}-{service}`: the repository, its lifecycle
    (ECR.3) and its policy.
    """

    def __init__(
        self, name: str, *, args: RegistryArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("Registry", name, settings=args.settings, opts=opts)
        self._kms_key = args.keys.data
        self.repositories = {
            service: self._create_repository(service) for service in args.settings.container_names
        }
        self.part: Output[dict[str, Any]] = build_contract_part(
            RegistryPart, repositories=self.repositories
        )
        self.register_outputs({"repositories": self.repositories})

    def _create_repository(self, service: str) -> Output[str]:
        encryption: aws.ecr.RepositoryEncryptionConfigurationArgsDict = (
            {"encryption_type": "AES256"}
            if self._kms_key is None
            else {"encryption_type": "KMS", "kms_key": self._kms_key}
        )
        repository = aws.ecr.Repository(
            self.format_logical_name(service),
            name=format_repository_name(self.settings, service),
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[encryption],
            force_delete=self.settings.is_discarded("images"),
            opts=self.build_data_options("images"),
        )
        aws.ecr.LifecyclePolicy(
            self.format_logical_name(service),
            repository=repository.name,
            policy=format_compact_json({"rules": [*_build_lifecycle_rules()]}),
            # One per repository: the end of the old policy would end the new one too.
            opts=self.build_guard_options("images", delete_before_replace=True),
        )
        aws.ecr.RepositoryPolicy(
            self.format_logical_name(service),
            repository=repository.name,
            policy=build_policy_document(self._build_account_statement(repository)),
            opts=self.build_guard_options("images"),
        )
        return repository.repository_url

    @staticmethod
    def _build_account_statement(repository: aws.ecr.Repository) -> Statement:
        """Whom IAM allows in this account, and nobody of another."""
        account_root = repository.arn.apply(
            lambda arn: "arn:{1}:iam::{4}:root".format(*arn.split(":"))
        )
        return Statement(
            sid="OwnAccount",
            actions=[*PULL_ACTIONS, *PUSH_ACTIONS],
            principals={"AWS": [account_root]},
        )


def _build_lifecycle_rules() -> list[dict[str, Any]]:
    """What ECR removes by itself: images that nobody tagged. ECR does not know what runs, so no
    image with a tag ever goes by its age or number: tags are immutable, and every deployment names
    one (ECR User Guide, "Lifecycle policy properties")."""
    expire_action = {"type": "expire"}
    return [
        {
            "rulePriority": 1,
            "description": f"untagged after {UNTAGGED_DAYS} days",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": UNTAGGED_DAYS,
            },
            "action": expire_action,
        },
    ]
