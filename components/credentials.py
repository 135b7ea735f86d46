"""The variables that a container reads from Secrets Manager and SSM, and its permissions."""

from collections.abc import Sequence
from dataclasses import dataclass

from pulumi import Input, Output

from components.policies import Statement
from components.settings import Settings
from components.settings.container import (
    CACHE_VARIABLES,
    DATABASE_VARIABLES,
    SECRET_REFERENCE_PATTERN,
    ContainerSettings,
)


@dataclass(frozen=True)
class ContainerVariable:
    """An environment variable: one `key` of a JSON secret, or all of a secret or parameter."""

    arn: Input[str]
    key: str | None = None

    @property
    def value_from(self) -> Input[str]:
        """As ECS spells it: `arn`, or `arn:key::` for the current version of one key."""
        return self.arn if self.key is None else Output.concat(self.arn, ":", self.key, "::")


@dataclass(frozen=True, kw_only=True)
class ContainerCredentials:
    """The variables by name, and the secrets and parameters that hold them, each once."""

    variables: dict[str, ContainerVariable]
    secrets: Sequence[Input[str]]
    parameters: Sequence[str]


def build_container_credentials(
    container: ContainerSettings,
    *,
    database_secret_arn: Input[str],
    cache_secret_arn: Input[str] | None,
) -> ContainerCredentials:
    """The credentials of a container; `database` and `cache` are the ARNs of their secrets."""
    variables: dict[str, ContainerVariable] = {}
    secrets: list[Input[str]] = []
    for is_used, arn, keys in (
        (container.database, database_secret_arn, DATABASE_VARIABLES),
        (container.cache, cache_secret_arn, CACHE_VARIABLES),
    ):
        if is_used and arn is not None:
            variables |= {name: ContainerVariable(arn, key) for name, key in keys.items()}
            secrets.append(arn)
    secret_arns: set[str] = set()
    parameters: set[str] = set()
    for name, reference in container.secrets.items():
        if match := SECRET_REFERENCE_PATTERN.match(reference):
            variables[name] = ContainerVariable(match["arn"], match["key"])
            secret_arns.add(match["arn"])
        else:
            variables[name] = ContainerVariable(reference)
            parameters.add(reference)
    return ContainerCredentials(
        variables=dict(sorted(variables.items())),
        secrets=[*secrets, *sorted(secret_arns)],
        parameters=sorted(parameters),
    )


def build_secret_read_statements(
    settings: Settings, *, credentials: ContainerCredentials, data_key: Input[str] | None
) -> list[Statement]:
    """The right to read just these, and to decrypt them where they have the stack's own key."""
    statements = []
    if credentials.secrets:
        statements.append(
            Statement(
                sid="Secrets",
                actions=["secretsmanager:GetSecretValue"],
                resources=credentials.secrets,
            )
        )
    if credentials.parameters:
        statements.append(
            Statement(
                sid="Parameters", actions=["ssm:GetParameters"], resources=credentials.parameters
            )
        )
    if statements and data_key is not None:
        via_services = [
            f"{service}.{settings.region}.amazonaws.com" for service in ("secretsmanager", "ssm")
        ]
        statements.append(
            Statement(
                sid="DecryptThem",
                actions=["kms:Decrypt"],
                resources=[data_key],
                conditions={"StringEquals": {"kms:ViaService": via_services}},
            )
        )
    return statements
