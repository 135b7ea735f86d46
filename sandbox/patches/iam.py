"""IAM: AWS's own policies are read once a process; client ids of OIDC providers."""

from functools import cache
from typing import Any

from moto.iam.models import IAMBackend, ManagedPolicy
from moto.iam.responses import IamResponse
from moto.settings import load_iam_aws_managed_policies

from sandbox.patches.patching import ServicePatch

patch = ServicePatch()


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
