"""What a container reads from Secrets Manager and SSM: which variables, and the right to them."""

from collections.abc import Sequence
from dataclasses import dataclass

from pulumi import Input, Output

from components.policies import Statement
from components.settings import Settings
from components.settings.container import (
    CACHE_VARIABLES,
    DATABASE_VARIABLES,
    SECRET,
    ContainerSettings,
)


@dataclass(frozen=True)
class Variable:
    """An environment variable: one `key` of a JSON secret, or all of a secret or parameter."""

    arn: Input[str]
    key: str | None = None

    @property
    def value_from(self) -> Input[str]:
        """As ECS spells it: `arn`, or `arn:key::` for the current version of one key."""
        return self.arn if self.key is None else Output.concat(self.arn, ":", self.key, "::")


@dataclass(frozen=True)
class Credentials:
    """The variables by name, and each secret and parameter that they stand in, once."""

    variables: dict[str, Variable]
    secrets: Sequence[Input[str]]
    parameters: Sequence[str]


def credentials(
    container: ContainerSettings, database: Input[str], cache: Input[str] | None
) -> Credentials:
    """The credentials of a container; `database` and `cache` are the ARNs of their secrets."""
    variables: dict[str, Variable] = {}
    secrets: list[Input[str]] = []
    for wanted, arn, keys in (
        (container.database, database, DATABASE_VARIABLES),
        (container.cache, cache, CACHE_VARIABLES),
    ):
        if wanted and arn is not None:
            variables |= {name: Variable(arn, key) for name, key in keys.items()}
            secrets.append(arn)
    own: set[str] = set()
    parameters: set[str] = set()
    for name, text in container.secrets.items():
        if found := SECRET.match(text):
            variables[name] = Variable(found["arn"], found["key"])
            own.add(found["arn"])
        else:
            variables[name] = Variable(text)
            parameters.add(text)
    return Credentials(
        dict(sorted(variables.items())), [*secrets, *sorted(own)], sorted(parameters)
    )


def reading(settings: Settings, found: Credentials, data_key: Input[str] | None) -> list[Statement]:
    """The right to read just these, and to decrypt them where they have the stack's own key."""
    statements = []
    if found.secrets:
        statements.append(
            Statement(
                sid="Secrets", actions=["secretsmanager:GetSecretValue"], resources=found.secrets
            )
        )
    if found.parameters:
        statements.append(
            Statement(sid="Parameters", actions=["ssm:GetParameters"], resources=found.parameters)
        )
    if statements and data_key is not None:
        through = [
            f"{service}.{settings.region}.amazonaws.com" for service in ("secretsmanager", "ssm")
        ]
        statements.append(
            Statement(
                sid="DecryptThem",
                actions=["kms:Decrypt"],
                resources=[data_key],
                conditions={"StringEquals": {"kms:ViaService": through}},
            )
        )
    return statements
