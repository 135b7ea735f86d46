"""The registry: an ECR repository for each service, and one for the fleet."""

import re
from dataclasses import dataclass
from typing import Any, Final

import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from components.account import Account
from components.component import Component
from components.contract import contract
from components.keys import Keys
from components.policies import Statement, document, json_text
from components.settings import Settings
from ops.outputs import RegistryPart

PULL: Final = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
)
PUSH: Final = (
    "ecr:CompleteLayerUpload",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)
KEPT_IMAGES: Final = 30
UNTAGGED_DAYS: Final = 7
PRIVATE: Final = re.compile(
    r"^(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/"
    r"(?P<repository>[a-z0-9][a-z0-9._/-]*)(?:[:@].*)?$"
)


def repository_name(settings: Settings, service: str) -> str:
    """Name of a service's repository: what `docker push` addresses."""
    return f"{settings.project}/{settings.stack}/{service}"


def pulling(settings: Settings, account: Account, service: str, image: str) -> list[Statement]:
    """The right to pull from the service's own repository, and the one of its first image."""
    own = account.arn("ecr", settings.region, f"repository/{repository_name(settings, service)}")
    repositories = [own]
    if (found := PRIVATE.match(image)) and found["repository"] != repository_name(
        settings, service
    ):
        where = f"{found['region']}:{found['account']}:repository/{found['repository']}"
        repositories.append(Output.concat("arn:", account.partition, ":ecr:", where))
    return [
        # A token is of the whole registry: AWS has no resource level here.
        Statement(sid="Token", actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        Statement(sid="Pull", actions=PULL, resources=repositories),
    ]


@dataclass(frozen=True)
class RegistryArgs:
    settings: Settings
    keys: Keys


class Registry(Component):
    """`bulwark:index:Registry`: repositories with immutable tags, scanned on push (ECR.1, .2).

    Children: for each service and the fleet `{name}-{service}`: the repository, its lifecycle
    (ECR.3) and its policy.
    """

    def __init__(self, name: str, args: RegistryArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Registry", name, args.settings, opts)
        self._key = args.keys.data
        self.repositories = {
            service: self._repository(service) for service in args.settings.targets
        }
        self.part: Output[dict[str, Any]] = contract(RegistryPart, repositories=self.repositories)
        self.register_outputs({"repositories": self.repositories})

    def _repository(self, service: str) -> Output[str]:
        encryption: aws.ecr.RepositoryEncryptionConfigurationArgsDict = (
            {"encryption_type": "AES256"}
            if self._key is None
            else {"encryption_type": "KMS", "kms_key": self._key}
        )
        repository = aws.ecr.Repository(
            self.key(service),
            name=repository_name(self.settings, service),
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[encryption],
            force_delete=not self.settings.protect,
            opts=self.guarded(),
        )
        aws.ecr.LifecyclePolicy(
            self.key(service),
            repository=repository.name,
            policy=json_text({"rules": [*_lifecycle()]}),
            opts=self.child,
        )
        aws.ecr.RepositoryPolicy(
            self.key(service),
            repository=repository.name,
            policy=document(self._own_account(repository)),
            opts=self.child,
        )
        return repository.repository_url

    @staticmethod
    def _own_account(repository: aws.ecr.Repository) -> Statement:
        """Whom IAM allows in this account, and nobody of another."""
        root = repository.arn.apply(lambda arn: "arn:{1}:iam::{4}:root".format(*arn.split(":")))
        return Statement(sid="OwnAccount", actions=[*PULL, *PUSH], principals={"AWS": [root]})


def _lifecycle() -> list[dict[str, Any]]:
    """What ECR removes by itself. AWS evaluates the rules by priority, lowest first."""
    expire = {"type": "expire"}
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
            "action": expire,
        },
        {
            "rulePriority": 2,
            "description": f"the last {KEPT_IMAGES} tagged images stay",
            "selection": {
                "tagStatus": "tagged",
                "tagPatternList": ["*"],
                "countType": "imageCountMoreThan",
                "countNumber": KEPT_IMAGES,
            },
            "action": expire,
        },
    ]
