"""A provider of AWS for another region, with all else as Pulumi's config has it for the stack's."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions
from pulumi.runtime import config as runtime_config

# The arguments of `aws.Provider`, by their key in Pulumi's config (`aws:KEY`), but for the region.
TEXT_ARGUMENTS: Final[Mapping[str, str]] = {
    "accessKey": "access_key",
    "customCaBundle": "custom_ca_bundle",
    "ec2MetadataServiceEndpoint": "ec2_metadata_service_endpoint",
    "ec2MetadataServiceEndpointMode": "ec2_metadata_service_endpoint_mode",
    "httpProxy": "http_proxy",
    "httpsProxy": "https_proxy",
    "noProxy": "no_proxy",
    "profile": "profile",
    "retryMode": "retry_mode",
    "s3UsEast1RegionalEndpoint": "s3_us_east1_regional_endpoint",
    "secretKey": "secret_key",
    "stsRegion": "sts_region",
    "tagPolicyCompliance": "tag_policy_compliance",
    "token": "token",
}
JSON_ARGUMENTS: Final[Mapping[str, str]] = {
    "allowedAccountIds": "allowed_account_ids",
    "assumeRoleWithWebIdentity": "assume_role_with_web_identity",
    "assumeRoles": "assume_roles",
    "defaultTags": "default_tags",
    "endpoints": "endpoints",
    "forbiddenAccountIds": "forbidden_account_ids",
    "ignoreTags": "ignore_tags",
    "insecure": "insecure",
    "maxRetries": "max_retries",
    "s3UsePathStyle": "s3_use_path_style",
    "sharedConfigFiles": "shared_config_files",
    "sharedCredentialsFiles": "shared_credentials_files",
    "skipCredentialsValidation": "skip_credentials_validation",
    "skipMetadataApiCheck": "skip_metadata_api_check",
    "skipRegionValidation": "skip_region_validation",
    "skipRequestingAccountId": "skip_requesting_account_id",
    "tokenBucketRateLimiterCapacity": "token_bucket_rate_limiter_capacity",
    "useDualstackEndpoint": "use_dualstack_endpoint",
    "useFipsEndpoint": "use_fips_endpoint",
    "userAgents": "user_agents",
}


def create_regional_provider(name: str, *, region: str, opts: ResourceOptions) -> aws.Provider:
    """A provider of `region`, configured as the stack's own is.

    A provider that a program makes takes nothing from the `aws:` keys of the config by itself, but
    what the environment says: it would work with other credentials, in another account even
    (pulumi-aws issues 1307 and 3259, pulumi issue 4779; by design). Raises pulumi.RunError.
    """
    return aws.Provider(name, region=region, opts=opts, **read_provider_arguments())


def read_provider_arguments() -> dict[str, Any]:
    """The arguments of a provider that Pulumi's config sets; a secret stays one."""
    arguments: dict[str, Any] = {}
    for key, argument in {**TEXT_ARGUMENTS, **JSON_ARGUMENTS}.items():
        full_key = f"aws:{key}"
        text = pulumi.Config("aws").get(key)
        if text is None:
            continue
        value = text if key in TEXT_ARGUMENTS else _parse_json(full_key, text)
        is_secret = runtime_config.is_config_secret(full_key)
        arguments[argument] = Output.secret(value) if is_secret else value
    return arguments


def read_default_tags() -> dict[str, str]:
    """The tags of `aws:defaultTags`, which the provider gives every resource that it tags itself.

    It tags neither a group's instances nor what a launch template makes (Terraform's AWS provider,
    "Resource: aws_autoscaling_group" and the argument `default_tags`).
    """
    default_tags = read_provider_arguments().get("default_tags")
    tags = default_tags.get("tags") if isinstance(default_tags, dict) else None
    return {str(key): str(value) for key, value in tags.items()} if isinstance(tags, dict) else {}


def _parse_json(key: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise pulumi.RunError(
            f"{key} is no JSON, must be what aws.Provider takes: true or false, a number, a list "
            "or an object"
        ) from None
