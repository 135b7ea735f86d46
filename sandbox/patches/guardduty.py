"""GuardDuty's findings, which moto lacks: they are listed, read and archived.

Sources: GuardDuty API reference, ListFindings, GetFindings, ArchiveFindings.
"""

from typing import Any, Final

from moto.guardduty import urls
from moto.guardduty.models import guardduty_backends
from moto.guardduty.responses import GuardDutyResponse

from sandbox.patches.patching import AwsError, ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
MAX_READ: Final = 50
patch.add_routes(
    urls,
    GuardDutyResponse,
    "{0}/detector/(?P<DetectorId>[^/]+)/findings$",
    "{0}/detector/(?P<DetectorId>[^/]+)/findings/get$",
    "{0}/detector/(?P<DetectorId>[^/]+)/findings/archive$",
)


def get_guardduty_findings(account: str, region: str) -> list[ApiRecord]:
    """The findings of an account and region, under the API's own names."""
    return backend_state(guardduty_backends[account][region], "findings", list)


@patch.add_operation(GuardDutyResponse, "ListFindings")
def list_findings(response: GuardDutyResponse, params: ApiRecord) -> ApiRecord:
    """The ids of those that match `service.archived`; by severity if that is asked for."""
    criteria = (params.get("FindingCriteria") or {}).get("Criterion") or {}
    archived = (criteria.get("service.archived") or {}).get("Eq")
    items = [
        item
        for item in _get_findings(response, params)
        if archived is None or str(item["Service"]["Archived"]).lower() in archived
    ]
    if (params.get("SortCriteria") or {}).get("AttributeName") == "severity":
        is_descending = params["SortCriteria"].get("OrderBy") == "DESC"
        items.sort(key=lambda item: item["Severity"], reverse=is_descending)
    first = int(params.get("NextToken") or 0)
    size = int(params.get("MaxResults") or MAX_READ)
    more = {"NextToken": str(first + size)} if first + size < len(items) else {}
    return {"FindingIds": [item["Id"] for item in items[first : first + size]], **more}


@patch.add_operation(GuardDutyResponse, "GetFindings")
def get_findings(response: GuardDutyResponse, params: ApiRecord) -> ApiRecord:
    """Those of the ids, 50 at most."""
    if len(params["FindingIds"]) > MAX_READ:
        raise AwsError("BadRequestException", f"FindingIds must be {MAX_READ} at most.")
    items = _get_findings(response, params)
    return {"Findings": [item for item in items if item["Id"] in params["FindingIds"]]}


@patch.add_operation(GuardDutyResponse, "ArchiveFindings")
def archive_findings(response: GuardDutyResponse, params: ApiRecord) -> ApiRecord:
    """Archives those of the ids."""
    for item in _get_findings(response, params):
        if item["Id"] in params["FindingIds"]:
            item["Service"]["Archived"] = True
    return {}


def _get_findings(response: GuardDutyResponse, params: ApiRecord) -> list[ApiRecord]:
    response.guardduty_backend.get_detector(params["DetectorId"])  # raises if there is none
    return list(get_guardduty_findings(response.current_account, response.region))
