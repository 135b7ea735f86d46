"""Settings of a container, wherever it runs: what services and the fleet share."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from components.settings.section import Section

Architecture = Literal["arm64", "x86_64"]

# What the stack itself puts into the environment: variable to key of the JSON secret.
DATABASE_VARIABLES: Final = {
    "DB_HOST": "host",
    "DB_PORT": "port",
    "DB_NAME": "dbname",
    "DB_USER": "username",
    "DB_PASSWORD": "password",
}
CACHE_VARIABLES: Final = {
    "CACHE_HOST": "host",
    "CACHE_READER_HOST": "reader_host",
    "CACHE_PORT": "port",
    "CACHE_TOKEN": "token",
}
# Credentials that must not be in plain text (ECS.8).
FORBIDDEN_VARIABLES: Final = frozenset(
    {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "ECS_ENGINE_AUTH_DATA"}
)
VARIABLE_NAME_PATTERN: Final = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
MAX_ENVIRONMENT_BYTES: Final = 8192  # user data holds 16 KiB in all, a task definition 64 KiB
SECRET_REFERENCE_PATTERN: Final = re.compile(
    r"^(?P<arn>arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-[A-Za-z0-9]{6})"
    r"(?::(?P<key>[\w.-]+)::)?$"
)
PARAMETER_ARN_PATTERN: Final = re.compile(
    r"^arn:aws[a-z-]*:ssm:[a-z0-9-]+:\d{12}:parameter/[\w./-]+$"
)
IMAGE_PATTERN: Final = re.compile(r"^[a-z0-9][A-Za-z0-9._:/@-]{0,254}$")
# A private repository of ECR.
ECR_IMAGE_PATTERN: Final = re.compile(
    r"^(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/"
    r"(?P<repository>[a-z0-9][a-z0-9._/-]*)(?:[:@].*)?$"
)
HEALTH_PATH_PATTERN: Final = re.compile(r"^/[!-~]{0,1023}$")
MATCHER_PATTERN: Final = re.compile(r"^\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*$")
MIN_STATUS_CODE, MAX_STATUS_CODE = 200, 499
USER_PATTERN: Final = re.compile(r"^[\w.-]+(:[\w.-]+)?$")


def _validate_matcher(matcher: str) -> str:
    codes = [part.split("-") for part in matcher.split(",")]
    if not MATCHER_PATTERN.match(matcher) or any(
        not MIN_STATUS_CODE <= int(code) <= MAX_STATUS_CODE for ends in codes for code in ends
    ):
        raise ValueError(
            f"must be status codes from {MIN_STATUS_CODE} to {MAX_STATUS_CODE}, like 200, 200,202 "
            "or 200-299"
        )
    if any(int(ends[0]) > int(ends[-1]) for ends in codes):
        raise ValueError("must have ranges that rise, like 200-299")
    return matcher


class HealthCheckSettings(Section):
    """How the load balancer checks each target.

    The limits are those of the API reference of Elastic Load Balancing v2, CreateTargetGroup; its
    error for the timeout is in aws/aws-cdk#22200.
    """

    matcher: Annotated[str, AfterValidator(_validate_matcher)] = Field(
        default="200-399", description="status codes of a healthy answer, in quotes"
    )
    interval_seconds: int = Field(
        default=15, ge=5, le=300, description="seconds between the checks of a target"
    )
    timeout_seconds: int = Field(
        default=5, ge=2, le=120, description="seconds after which no answer is a failed check"
    )
    healthy_threshold: int = Field(
        default=2, ge=2, le=10, description="checks in a row after which a target is healthy"
    )
    unhealthy_threshold: int = Field(
        default=3, ge=2, le=10, description="failed checks in a row after which it is not"
    )

    @model_validator(mode="after")
    def _validate_timeout(self) -> "HealthCheckSettings":
        self.require_target_limits()
        return self

    def require_target_limits(self) -> None:
        """Raises ValueError if Elastic Load Balancing would refuse these numbers."""
        if self.timeout_seconds >= self.interval_seconds:
            raise ValueError(
                f"timeoutSeconds is {self.timeout_seconds}, must be below intervalSeconds "
                f"({self.interval_seconds}): Elastic Load Balancing refuses more"
            )


class ContainerSettings(Section):
    """A container that answers HTTP behind the load balancer.

    The default image serves a page at / as any user, with only /tmp writable.
    """

    image: str = Field(
        default="public.ecr.aws/nginx/nginx-unprivileged:stable-alpine",
        description="image of the first deployment; afterwards operations own it",
    )
    port: int = Field(default=8080, ge=1, le=65535, description="port the container listens on")
    health_path: str = Field(default="/", description="path of the health check")
    health_check: HealthCheckSettings = HealthCheckSettings()
    drain_seconds: int = Field(
        default=30,
        ge=0,
        le=3600,
        description="seconds that a leaving target may still finish its requests",
    )
    sticky_seconds: int | None = Field(
        default=None,
        ge=1,
        le=604_800,  # ELB API reference, TargetGroupAttribute, lb_cookie.duration_seconds
        description="seconds after a request in which a client reaches the same target again, by "
        "the load balancer's cookie; null: each request goes to any",
    )
    command: tuple[str, ...] = Field(default=(), description="command, instead of the image's")
    user: str = Field(
        default="1000:1000", description="user and group of the container, never root"
    )
    tmp_mb: int = Field(default=64, ge=1, description="size of /tmp, MiB of the container's memory")
    environment: dict[str, str] = Field(
        default={}, description="environment variables, in plain text"
    )
    secrets: dict[str, str] = Field(
        default={},
        description="environment variables from Secrets Manager (ARN, or ARN:key:: for one key of "
        "a JSON secret) or SSM, by exact ARN",
    )
    database: bool = Field(
        default=True,
        description="pass the database to it: DB_HOST, DB_PORT, DB_NAME, DB_USER, DB_PASSWORD",
    )
    cache: bool = Field(
        default=True,
        description="pass the cache to it, if there is one: CACHE_HOST, CACHE_READER_HOST, "
        "CACHE_PORT, CACHE_TOKEN",
    )

    @field_validator("image")
    @classmethod
    def _validate_image(cls, image: str) -> str:
        if not IMAGE_PATTERN.match(image):
            raise ValueError("must be an image like public.ecr.aws/nginx/nginx-unprivileged:stable")
        return image

    @field_validator("health_path")
    @classmethod
    def _validate_health_path(cls, path: str) -> str:
        if not HEALTH_PATH_PATTERN.match(path):
            raise ValueError("must be a path like /health, at most 1024 characters, no spaces")
        return path

    @field_validator("user")
    @classmethod
    def _validate_user(cls, user: str) -> str:
        if not USER_PATTERN.match(user) or user.split(":")[0] in ("root", "0"):
            raise ValueError("must be a user other than root, like 1000:1000")
        return user

    @field_validator("environment")
    @classmethod
    def _validate_environment(cls, environment: dict[str, str]) -> dict[str, str]:
        _require_variable_names(environment)
        for name in sorted(FORBIDDEN_VARIABLES & environment.keys()):
            raise ValueError(f"must not hold {name}: a role gives what is allowed (ECS.8)")
        for name, value in environment.items():
            if "\n" in value or "\0" in value:
                raise ValueError(f"must hold values of one line, {name} has more")
        size = sum(len(f"{name}={value}".encode()) for name, value in environment.items())
        if size > MAX_ENVIRONMENT_BYTES:
            raise ValueError(f"must hold {MAX_ENVIRONMENT_BYTES} bytes, has {size}")
        return environment

    @field_validator("secrets")
    @classmethod
    def _validate_secrets(cls, secrets: dict[str, str]) -> dict[str, str]:
        _require_variable_names(secrets)
        for name, value in secrets.items():
            if not (SECRET_REFERENCE_PATTERN.match(value) or PARAMETER_ARN_PATTERN.match(value)):
                raise ValueError(
                    "must hold exact ARNs of Secrets Manager (with their last six characters, and "
                    f":key:: for one key of JSON) or of SSM parameters, {name} is none"
                )
        return secrets

    @model_validator(mode="after")
    def _validate_unique_variables(self) -> "ContainerSettings":
        if duplicates := sorted(self.environment.keys() & self.secrets.keys()):
            raise ValueError(f"secrets holds {duplicates[0]!r}, which environment holds too")
        stack_variables = {
            **(dict.fromkeys(DATABASE_VARIABLES, "database") if self.database else {}),
            **(dict.fromkeys(CACHE_VARIABLES, "cache") if self.cache else {}),
        }
        for setting, names in (("environment", self.environment), ("secrets", self.secrets)):
            for name in sorted(names.keys() & stack_variables.keys()):
                raise ValueError(
                    f"{setting} holds {name!r}, which the stack gives: set "
                    f"{stack_variables[name]} to false to "
                    "give it yourself"
                )
        return self


def _require_variable_names(variables: dict[str, str]) -> None:
    for name in variables:
        if not VARIABLE_NAME_PATTERN.match(name):
            raise ValueError(f"must hold names of letters, digits and _, not {name!r}")
