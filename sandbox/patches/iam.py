"""IAM: AWS's own policies are read once a process; client ids of OIDC providers; uses of keys."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from moto.iam.models import (
    AccessKey,
    AccessKeyLastUsed,
    IAMBackend,
    ManagedPolicy,
    User,
    iam_backends,
)
from moto.iam.responses import IamResponse
from moto.secretsmanager.models import secretsmanager_backends
from moto.settings import load_iam_aws_managed_policies

from sandbox import clock
from sandbox.patches.patching import ServicePatch

patch = ServicePatch()
# A user with this tag has an application that reads its key from that secret and uses it all the
# time. Until the secret holds a key that works, it uses the oldest one that does.
KEY_SOURCE_TAG: Final = "sandbox:reads-secret"
KEY_USES_REGION: Final = "us-east-1"


@patch.wrap(IAMBackend, "_init_aws_policies")
def load_managed_policies(original: Any, backend: IAMBackend) -> list[ManagedPolicy]:
    """Copies some 1500 policies, each of which counts its own attachments."""
    if not load_iam_aws_managed_policies():
        return []
    return [
        _copy_policy(policy)
        for policy in _read_policies(original, backend.account_id, backend.region_name)
    ]


def _copy_policy(policy: ManagedPolicy) -> ManagedPolicy:
    """Copies as `copy.copy` does, in a tenth of its time and without moto's instance tracking."""
    policy_copy: ManagedPolicy = object.__new__(type(policy))
    policy_copy.__dict__.update(policy.__dict__)
    return policy_copy


@cache
def _read_policies(original: Any, account: str, region: str) -> tuple[ManagedPolicy, ...]:
    backend: Any = type("Where", (), {"account_id": account, "region_name": region})()
    return tuple(original(backend))


@patch.add_operation(IamResponse, "AddClientIDToOpenIDConnectProvider")
def add_client_id_to_provider(response: IamResponse, params: dict[str, Any]) -> dict[str, Any]:
    """Adds a client id; adding it twice is no error (API reference)."""
    audiences = _get_audiences(response, params)
    if params["ClientID"] not in audiences:
        audiences.append(params["ClientID"])
    return {}


@patch.add_operation(IamResponse, "RemoveClientIDFromOpenIDConnectProvider")
def remove_client_id_from_provider(response: IamResponse, params: dict[str, Any]) -> dict[str, Any]:
    """Removes a client id; removing it twice is no error (API reference)."""
    audiences = _get_audiences(response, params)
    if params["ClientID"] in audiences:
        audiences.remove(params["ClientID"])
    return {}


def _get_audiences(response: IamResponse, params: dict[str, Any]) -> list[str]:
    arn = params["OpenIDConnectProviderArn"]
    audiences: list[str] = response.backend.get_open_id_connect_provider(arn).client_id_list
    return audiences


@patch.wrap(IAMBackend, "get_access_key_last_used")
def use_key_of_secret(original: Any, backend: IAMBackend, access_key_id: str) -> dict[str, Any]:
    """When a key was last used; the application of a tagged user uses its key all the time."""
    now = clock.get_sandbox_clock().now()
    for user in backend.users.values():
        if (key := _find_used_key(backend, user)) is not None:
            key.last_used = AccessKeyLastUsed(now, "s3", KEY_USES_REGION)
    answer: dict[str, Any] = original(backend, access_key_id)
    return answer


def _find_used_key(backend: IAMBackend, user: User) -> AccessKey | None:
    """The key that the application of a user uses now, if the user has one."""
    tags = backend.tagger.get_tag_dict_for_resource(user.arn)
    if KEY_SOURCE_TAG not in tags:
        return None
    active_keys = [key for key in user.access_keys if key.status == "Active"]
    in_secret = _read_key_of_secret(backend.account_id, tags[KEY_SOURCE_TAG])
    return next(
        (key for key in active_keys if key.access_key_id == in_secret),
        active_keys[0] if active_keys else None,
    )


def _read_key_of_secret(account: str, name: str) -> str | None:
    for secrets_backend in list(secretsmanager_backends[account].values()):
        secret = secrets_backend.secrets.get(name)
        version = secret.versions.get(secret.default_version_id or "") if secret else None
        if version is not None:
            try:
                return str(json.loads(version["secret_string"])["AccessKeyId"])
            except (ValueError, KeyError, TypeError):
                return None
    return None


@dataclass
class RootAccount:
    """What the credential report says of root. A new account of the sandbox has MFA and no keys."""

    is_mfa_active: bool = True
    has_key: bool = False
    last_used: datetime | None = None


def get_root_account(account: str) -> RootAccount:
    """The root of an account, which tests change."""
    state = vars(iam_backends[account]["aws"])
    root: RootAccount = state.setdefault("sandbox_root", RootAccount())
    return root


@patch.wrap(IAMBackend, "get_credential_report")
def add_root_row(original: Any, backend: IAMBackend) -> str:
    """The report, in which root is the first row; moto leaves it out.

    Source: IAM User Guide, "Get credential reports for your AWS account", report format.
    """
    header, _, users = str(original(backend)).partition("\n")
    root = get_root_account(backend.account_id)
    created = "2020-01-01T00:00:00+00:00"
    used = "no_information" if root.last_used is None else root.last_used.isoformat()
    row = dict.fromkeys(header.split(","), "N/A") | {
        "user": "<root_account>",
        "arn": f"arn:aws:iam::{backend.account_id}:root",
        "user_creation_time": created,
        "password_enabled": "not_supported",
        "password_last_used": used,
        "password_last_changed": "not_supported",
        "password_next_rotation": "not_supported",
        "mfa_active": str(root.is_mfa_active).lower(),
        "access_key_1_active": str(root.has_key).lower(),
        "access_key_1_last_rotated": created if root.has_key else "N/A",
        "access_key_2_active": "false",
        "cert_1_active": "false",
        "cert_2_active": "false",
    }
    return "\n".join((header, ",".join(row.values()), users))
