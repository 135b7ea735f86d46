"""IAM: AWS's own policies are read once a process; whom a provider's tokens may be for."""

from functools import cache
from typing import Any

from moto.iam.models import IAMBackend, ManagedPolicy
from moto.iam.responses import IamResponse
from moto.settings import load_iam_aws_managed_policies

from sandbox.patches.patching import Mend

mend = Mend()


@mend.around(IAMBackend, "_init_aws_policies")
def managed_policies(original: Any, backend: IAMBackend) -> list[ManagedPolicy]:
    """Copies of some 1500 policies: what is attached where is counted on each."""
    if not load_iam_aws_managed_policies():
        return []
    return [_copied(policy) for policy in _read(original, backend.account_id, backend.region_name)]


def _copied(policy: ManagedPolicy) -> ManagedPolicy:
    """What `copy.copy` makes, in a tenth of its time, and not on moto's list of what is new."""
    made: ManagedPolicy = object.__new__(type(policy))
    made.__dict__.update(policy.__dict__)
    return made


@cache
def _read(original: Any, account: str, region: str) -> tuple[ManagedPolicy, ...]:
    backend: Any = type("Where", (), {"account_id": account, "region_name": region})()
    return tuple(original(backend))


@mend.operation(IamResponse, "AddClientIDToOpenIDConnectProvider")
def audience_added(response: IamResponse, params: dict[str, Any]) -> dict[str, Any]:
    """One more whom a provider's tokens may be for: as good twice as once (API reference)."""
    listed = _audiences(response, params)
    if params["ClientID"] not in listed:
        listed.append(params["ClientID"])
    return {}


@mend.operation(IamResponse, "RemoveClientIDFromOpenIDConnectProvider")
def audience_removed(response: IamResponse, params: dict[str, Any]) -> dict[str, Any]:
    """One less: as good twice as once (API reference)."""
    listed = _audiences(response, params)
    if params["ClientID"] in listed:
        listed.remove(params["ClientID"])
    return {}


def _audiences(response: IamResponse, params: dict[str, Any]) -> list[str]:
    arn = params["OpenIDConnectProviderArn"]
    listed: list[str] = response.backend.get_open_id_connect_provider(arn).client_id_list
    return listed
