"""Who changes things in a world: people by single sign-on, and the pipeline.

Source of the names: IAM Identity Center User Guide, "Permission sets" (roles that begin with
AWSReservedSSO_); CloudTrail User Guide, "CloudTrail userIdentity element".
"""

from functools import cache
from typing import Any, Final

import boto3
from botocore.config import Config

from sandbox.aws import ACCOUNT_ID, AWS_PARTITION, get_client

PIPELINE: Final = "pipeline"
CONSOLE_AGENT: Final = "console.amazonaws.com"
CLI_AGENT: Final = "aws-cli/2.31.11 md/awscrt#0.27.6 ua/2.1 os/linux#6.1 exec-env/grimoire"
PIPELINE_AGENT: Final = "pulumi/3.190.0 aws-sdk-go-v2/1.39.0 os/linux lang/go"
_PERSON_ROLE: Final = "AWSReservedSSO_AdministratorAccess_8f2c1d9e0b7a6543"
_PIPELINE_ROLE: Final = "github-deploy"


@cache
def _get_session(person: str, region: str) -> boto3.Session:
    """A session of a person, or of the pipeline."""
    is_pipeline = person == PIPELINE
    role = _PIPELINE_ROLE if is_pipeline else _PERSON_ROLE
    credentials = get_client("sts", region).assume_role(
        RoleArn=f"arn:{AWS_PARTITION}:iam::{ACCOUNT_ID}:role/{role}",
        RoleSessionName="GitHubActions" if is_pipeline else f"{person}@example.com",
    )["Credentials"]
    return boto3.Session(
        credentials["AccessKeyId"],
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
        region_name=region,
    )


def build_client(service: str, region: str, person: str, *, by_console: bool = True) -> Any:
    """A client whose calls CloudTrail shows as a person's, or the pipeline's."""
    agent = CONSOLE_AGENT if by_console else CLI_AGENT
    if person == PIPELINE:
        agent = PIPELINE_AGENT
    config = Config(user_agent=agent, retries={"total_max_attempts": 1, "mode": "standard"})
    session: Any = _get_session(person, region)
    return session.client(service, region_name=region, config=config)


def forget_people() -> None:
    """Forgets the sessions, which are of one in-memory AWS."""
    _get_session.cache_clear()
