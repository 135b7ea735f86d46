"""Errors of the credentials themselves, and the line that signs a person in again.

A call that fails for them was not carried out and says nothing about permissions or resources.
Sources of the codes: "Common Error Types" of the API references of EC2, RDS and others; "Error
responses" of S3's; "Error codes for the Amazon EC2 API".
"""

import os
from types import TracebackType
from typing import Any, Final, TypeAlias

import botocore.session
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    CredentialRetrievalError,
    InfiniteLoopConfigError,
    InvalidConfigError,
    InvalidIMDSEndpointError,
    InvalidIMDSEndpointModeError,
    LoginError,
    MetadataRetrievalError,
    MissingDependencyException,
    NoAuthTokenError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    RefreshWithMFAUnsupportedError,
    SSOError,
    TokenRetrievalError,
    UnknownCredentialError,
    UnknownTokenProviderError,
)

from ops.core.errors import (
    CredentialsError,
    CredentialsExpiredError,
    CredentialsUnavailableError,
    OpsError,
    UsageError,
)

# Keys that AWS does not know (any more), or a session that is over.
EXPIRED_CODES: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",  # S3
        "InvalidClientTokenId",
        "InvalidToken",  # S3
        "TokenRefreshRequired",  # S3
        "UnrecognizedClientException",
    }
)
SIGNATURE_CODES: Final = frozenset(
    {
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidSignature",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
    }
)
# EC2 says RequestExpired of a session that is over, too (aws/aws-sdk-ruby issue 143).
RENEWABLE_CODES: Final = EXPIRED_CODES | {"RequestExpired"}
CLOCK_CODES: Final = frozenset({"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"})
# How services word a wrong clock that answer with one of SIGNATURE_CODES: "Signature expired: A is
# now earlier than B", "Signature not yet current: A is still later than B" (aws/aws-sdk-js issues
# 527 and 1652).
CLOCK_MESSAGES: Final = ("signature expired", "signature not yet current")
# EC2 uses AuthFailure for permissions too; for unknown keys it says "AWS was not able to validate
# the provided access credentials" ("Error codes for the Amazon EC2 API").
AUTH_FAILURE_CODE, AUTH_FAILURE_MESSAGE = "AuthFailure", "access credentials"
# Calls by which botocore gets credentials, whatever call they are for.
CREDENTIAL_OPERATIONS: Final = (
    "AssumeRole",
    "AssumeRoleWithWebIdentity",
    "CreateToken",
    "GetRoleCredentials",
)
EXPIRED_ERRORS: Final = (SSOError, LoginError, TokenRetrievalError, NoAuthTokenError)
CONFIGURATION_ERRORS: Final = (
    ConfigNotFound,
    ConfigParseError,
    InfiniteLoopConfigError,
    InvalidConfigError,
    InvalidIMDSEndpointError,
    InvalidIMDSEndpointModeError,
    MissingDependencyException,  # botocore[crt], which `aws login` needs
    PartialCredentialsError,
    RefreshWithMFAUnsupportedError,
    UnknownCredentialError,
    UnknownTokenProviderError,
)
RETRIEVAL_ERRORS: Final = (CredentialRetrievalError, MetadataRetrievalError)
# Where botocore gets credentials, at the start and again before each call that needs new ones. What
# fails there comes as it is: a program that is gone as OSError, its output as ValueError or
# AttributeError, credentials that are still over after a refresh as RuntimeError (botocore
# credentials.py: ProcessProvider._retrieve_credentials_using, RefreshableCredentials).
CREDENTIAL_MODULES: Final = frozenset({"botocore.credentials", "botocore.tokens"})
# What a client or a call raises; the last four of botocore's credentials only.
CallError: TypeAlias = (
    ClientError | BotoCoreError | OSError | ValueError | RuntimeError | AttributeError
)
CALL_ERRORS: Final = (
    ClientError,
    BotoCoreError,
    OSError,
    ValueError,
    RuntimeError,
    AttributeError,
)

# --profile, if it is set. A process has one.
_active_profiles: list[str | None] = [None]


def set_active_profile(profile: str | None) -> None:
    """Sets the profile that the advice of errors is for."""
    _active_profiles[0] = profile


def explain_credentials_error(error: Exception, api: str) -> OpsError | None:
    """Returns the error of the credentials, or None if it is about something else.

    `api` is the call that was to be made, in boto3's spelling. Each message is one line.
    """
    profile = _active_profiles[0]
    if isinstance(error, ClientError):
        return _explain_answer(error, api, profile)
    sign_in_command = find_sign_in_command(profile)
    reason = " ".join(str(error).split())
    if isinstance(error, ProfileNotFound):
        return UsageError(
            f"--profile is {profile!r}, must be a profile of your AWS config"
            if profile
            else f"AWS_PROFILE must be a profile of your AWS config: {reason}"
        )
    if isinstance(error, NoCredentialsError):
        return CredentialsError(
            "there are no AWS credentials; set AWS_PROFILE or give --profile, or sign in",
            sign_in_command,
        )
    if isinstance(error, NoRegionError):
        return UsageError("--region is not set; give the stack's region, or set AWS_REGION")
    if isinstance(error, EXPIRED_ERRORS):
        return CredentialsExpiredError(
            f"{api} was not sent: the session is over: {reason}; sign in again", sign_in_command
        )
    if isinstance(error, CONFIGURATION_ERRORS):
        return CredentialsError(
            f"{api} was not sent: the AWS credentials cannot be used: {reason}; correct the AWS "
            "config, or sign in again",
            sign_in_command,
        )
    if isinstance(error, RETRIEVAL_ERRORS):
        return CredentialsUnavailableError(
            f"{api} was not sent: the AWS credentials cannot be fetched: {reason}; correct the AWS "
            "config, or sign in again",
            sign_in_command,
        )
    if isinstance(error, BotoCoreError):
        return None
    if isinstance(error, ValueError) and reason.startswith("Invalid endpoint"):  # botocore.endpoint
        return UsageError(
            "AWS_ENDPOINT_URL (or endpoint_url in the AWS config) must be a URL like "
            f"https://HOST, not {reason.partition(': ')[2]!r}"
        )
    if isinstance(error, RuntimeError) and _is_of_credentials(error):
        return CredentialsExpiredError(
            f"{api} was not sent: the session is over: {reason}; sign in again", sign_in_command
        )
    if isinstance(error, OSError) or _is_of_credentials(error):  # of the program, not of a request
        return CredentialsUnavailableError(
            f"{api} was not sent: credential_process of the AWS config must be a program that "
            f"prints credentials as JSON: {reason}; correct it, or sign in again",
            sign_in_command,
        )
    return None


def _is_of_credentials(error: Exception) -> bool:
    """True if it was raised where botocore gets credentials."""
    frame: TracebackType | None = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_globals.get("__name__") in CREDENTIAL_MODULES:
            return True
        frame = frame.tb_next
    return False


def _explain_answer(error: ClientError, api: str, profile: str | None) -> OpsError | None:
    """Explains an answer of AWS."""
    code = str(error.response["Error"].get("Code", ""))
    message = " ".join(str(error.response["Error"].get("Message", "")).split())
    sign_in_command = find_sign_in_command(profile)
    if code in CLOCK_CODES or (
        code in SIGNATURE_CODES and message.lower().startswith(CLOCK_MESSAGES)
    ):
        return CredentialsError(
            f"{api} was refused: {code}: {message}; set this machine's clock, or sign in again",
            sign_in_command,
        )
    is_without_body = code == "400" and error.operation_name.startswith("Head")
    if code in EXPIRED_CODES or is_without_body:
        # A HEAD has no body to say why, and S3 answers 400 to an expired token ("Error responses").
        return CredentialsExpiredError(
            f"{api} was refused: {code}: {message}; sign in again", sign_in_command
        )
    if code in SIGNATURE_CODES or (
        code == AUTH_FAILURE_CODE and AUTH_FAILURE_MESSAGE in message.lower()
    ):
        return CredentialsError(
            f"{api} was refused: {code}: {message}; sign in again", sign_in_command
        )
    if error.operation_name in CREDENTIAL_OPERATIONS and not api.startswith(("sts.", "sso")):
        return CredentialsError(
            f"{api} was not sent: {error.operation_name}, which gets the credentials, was refused: "
            f"{code}: {message}; sign in again",
            sign_in_command,
        )
    return None


def find_sign_in_command(profile: str | None) -> str:
    """Returns the line that signs in to a profile; without one, to AWS_PROFILE or the default.

    It follows source_profile, since a role is assumed with the session of another profile.
    """
    name = profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
    if name is None and os.environ.get("AWS_ACCESS_KEY_ID"):
        return "export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... AWS_SESSION_TOKEN=..."
    try:
        profiles: dict[str, Any] = botocore.session.Session().full_config.get("profiles", {})
    except BotoCoreError:  # a config that cannot be parsed
        profiles = {}
    names: list[str] = []
    next_name: str | None = name or "default"
    while next_name and next_name not in names:
        names.append(next_name)
        settings = profiles.get(next_name, {})
        if "sso_session" in settings or "sso_start_url" in settings:
            return f"aws sso login{_format_profile(next_name, name)}"
        if "login_session" in settings:
            return f"aws login{_format_profile(next_name, name)}"
        next_name = settings.get("source_profile")
    if profiles.get(name or "default"):
        return f"aws configure list{_format_profile(name or 'default', name)}"
    return f"aws sso login{_format_profile(name or 'default', name)}"


def _format_profile(name: str, chosen_name: str | None) -> str:
    return f" --profile {name}" if chosen_name is not None or name != "default" else ""
