"""The database's secret in Secrets Manager, read again after a rotation."""

import json

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.settings import Credentials


class SecretError(Exception):
    """The secret could not be read. The message never holds its value."""


def read_secret(arn: str) -> Credentials:
    """Reads the current version of the secret, in the region of its ARN. Raises SecretError."""
    client = boto3.client(
        "secretsmanager",
        region_name=arn.split(":")[3],
        config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2}),
    )
    try:
        text = client.get_secret_value(SecretId=arn)["SecretString"]
    except (BotoCoreError, ClientError, KeyError) as error:
        raise SecretError(f"{arn} could not be read: {error}") from error
    try:
        fields = json.loads(text)
        return Credentials(
            host=str(fields["host"]),
            port=int(fields["port"]),
            name=str(fields["dbname"]),
            user=str(fields["username"]),
            password=str(fields["password"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        # Its text is left out: it may hold a part of the secret.
        raise SecretError(
            f"{arn} must be JSON with host, port, dbname, username and password "
            f"({type(error).__name__})"
        ) from None
