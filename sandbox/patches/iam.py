"""IAM: AWS's own policies are read once a process; whom a provider's tokens may be for."""

from functools import cache
from typing import Any

from moto.iam.models import IAMBackend, ManagedPolicy
from moto.iam.responses import IamResponse
from moto.settings import load_iam_aws_managed_policies

from sandbox.patches.patching import ServicePatch

patch = ServicePatch()


@patch.wrap(IAMBackend, "_init_aws_policies")
def load_managed_policies(original: Any, backend: IAMBackend) -> list[ManagedPolicy]:
    """Copies of some 1500 policies: what is attached where is counted on each."""
    if not load_iam_aws_managed_policies():
        return []
    return [
        _copy_policy(policy)
        for policy in _read_policies(original, backend.account_id, backend.region_name)
    ]


def _copy_policy(policy: ManagedPolicy) -> ManagedPolicy:
    """What `copy.copy` makes, in a tenth of its time, and not on moto's list of what is new."""
    policy_copy: ManagedPolicy = object.__new__(type(policy))
    policy_copy.__dict__.update(policy.__dict__)
    return policy_copy


@cache
def _read_policies(original: Any, account: str, region: str) -> tuple[ManagedPolicy, ...]:
    backend: Any = type("Where", (), {"account_id": account, "region_name": region})()
    return tuple(original(backend))


@patch.add_operation(IamResponse, "AddClientIDToOpenIDConnectProvider")
def add_client_id_to_provider(response: IamResponse, params: dict[str, Any]) -> dict[str, Any]:
    """One more whom a provider's tokens may be for: as good twice as once (API reference)."""
    audiences = _get_audiences(response, params)
    if params["ClientID"] not in audiences:
        audiences.append(params["ClientID"])
    return {}


@patch.add_operation(IamResponse, "RemoveClientIDFromOpenIDConnectProvider")
def remove_client_id_from_provider(response: IamResponse, params: dict[str, Any]) -> dict[str, Any]:
    """One less: as good twice as once (API reference)."""
    audiences = _get_audiences(response, params)
    if params["ClientID"] in audiences:
        audiences.remove(params["ClientID"])
    return {}


def _get_audiences(response: IamResponse, params: dict[str, Any]) -> list[str]:
    arn = params["OpenIDConnectProviderArn"]
    audiences: list[str] = response.backend.get_open_id_connect_provider(arn).client_id_list
    return audiences
