"""SSM State Manager: associations, as far as they scan instances for patches.

An association runs at once, then at its rate, and on instances that come later as soon as their
agents answer (Systems Manager User Guide, "Understanding targets and rate controls in State Manager
associations"). Rates are in days; until an agent answers takes some minutes: an assumption.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from moto.ec2.models import EC2Backend
from moto.ec2.models.instances import Instance
from moto.moto_api._internal import mock_random
from moto.ssm.models import ssm_backends
from moto.ssm.responses import SimpleSystemManagerResponse

from sandbox.clock import get_sandbox_clock
from sandbox.patches.patching import AwsError, ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
RUN_PATCH_BASELINE: Final = "AWS-RunPatchBaseline"
FIRST_SCAN: Final = timedelta(minutes=3)
RATE: Final = timedelta(days=1)


def get_associations(account: str, region: str) -> dict[str, ApiRecord]:
    """The associations of an account and region by id, the oldest first."""
    return backend_state(ssm_backends[account][region], "associations", dict)


def list_scan_times(ec2: EC2Backend, instance: Instance) -> list[datetime]:
    """The last time that an association scanned an instance; empty if none does."""
    tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
    now = get_sandbox_clock().now()
    launched_at = instance.launch_time.replace(tzinfo=now.tzinfo)
    times = []
    for association in get_associations(ec2.account_id, ec2.region_name).values():
        is_target = any(
            tags.get(target["Key"].removeprefix("tag:")) in target["Values"]
            for target in association.get("Targets") or ()
        )
        if association["Name"] != RUN_PATCH_BASELINE or not is_target:
            continue
        first = max(association["Date"], launched_at) + FIRST_SCAN
        if first <= now:
            times.append(first + RATE * ((now - first) // RATE))
    return times


@patch.add_operation(SimpleSystemManagerResponse, "CreateAssociation")
def create_association(response: SimpleSystemManagerResponse, params: ApiRecord) -> ApiRecord:
    """Refuses a second one of the same name and targets."""
    associations = get_associations(response.current_account, response.region)
    id_ = str(mock_random.uuid4())
    if any(a["AssociationName"] == params.get("AssociationName") for a in associations.values()):
        raise AwsError("AssociationAlreadyExists", "The specified association already exists.")
    associations[id_] = {
        **params,
        "AssociationId": id_,
        "AssociationVersion": "1",
        "Date": get_sandbox_clock().now(),
        "Overview": {"Status": "Success"},
    }
    return {"AssociationDescription": associations[id_]}


@patch.add_operation(SimpleSystemManagerResponse, "DescribeAssociation")
def describe_association(response: SimpleSystemManagerResponse, params: ApiRecord) -> ApiRecord:
    """By its id."""
    associations = get_associations(response.current_account, response.region)
    if params.get("AssociationId") not in associations:
        raise AwsError("AssociationDoesNotExist", "The specified association does not exist.")
    return {"AssociationDescription": associations[params["AssociationId"]]}


@patch.add_operation(SimpleSystemManagerResponse, "UpdateAssociation")
def update_association(response: SimpleSystemManagerResponse, params: ApiRecord) -> ApiRecord:
    """A new version of it."""
    associations = get_associations(response.current_account, response.region)
    if params.get("AssociationId") not in associations:
        raise AwsError("AssociationDoesNotExist", "The specified association does not exist.")
    associations[params["AssociationId"]].update(params)
    return {"AssociationDescription": associations[params["AssociationId"]]}


@patch.add_operation(SimpleSystemManagerResponse, "DeleteAssociation")
def delete_association(response: SimpleSystemManagerResponse, params: ApiRecord) -> ApiRecord:
    """By its id."""
    associations = get_associations(response.current_account, response.region)
    if associations.pop(params.get("AssociationId", ""), None) is None:
        raise AwsError("AssociationDoesNotExist", "The specified association does not exist.")
    return {}
