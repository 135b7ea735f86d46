"""Security Hub's findings, of which moto filters none and changes none.

Sources: Security Hub API reference, GetFindings (AwsSecurityFindingFilters: values of one field
that must be equal are joined by OR, those that must not by AND; fields by AND), DescribeHub,
BatchUpdateFindings.
"""

from typing import Any, Final

from moto.securityhub import urls
from moto.securityhub.responses import SecurityHubResponse

from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]
_MAX_UPDATED: Final = 100
# Where a finding has what a filter names; a finding that lacks it has the default.
_FIELDS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "AwsAccountId": (("AwsAccountId",), ""),
    "RecordState": (("RecordState",), "ACTIVE"),
    "WorkflowStatus": (("Workflow", "Status"), "NEW"),
    "SeverityLabel": (("Severity", "Label"), "INFORMATIONAL"),
    "ProductName": (("ProductName",), "Security Hub"),
}
_LABELS: Final = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL")
patch.add_routes(urls, SecurityHubResponse, "{0}/findings/batchupdate$")


@patch.replace_operation(SecurityHubResponse, "GetFindings")
def get_findings(response: SecurityHubResponse, params: ApiRecord) -> ApiRecord:
    """Those that match, the worst first if they are sorted."""
    backend = response.securityhub_backend
    if not backend.enabled:
        raise AwsError("InvalidAccessException", "Account is not subscribed to AWS Security Hub")
    filters = params.get("Filters") or {}
    if unknown := set(filters) - set(_FIELDS):
        raise NotImplementedError(f"filters {sorted(unknown)} are not in the sandbox")
    items = [
        finding.as_dict()
        for finding in backend.findings
        if all(_matches(finding.as_dict(), name, rules) for name, rules in filters.items())
    ]
    if params.get("SortCriteria"):
        items.sort(key=lambda item: _LABELS.index(_get_value(item, "SeverityLabel")))
    first, size = int(params.get("NextToken") or 0), int(params.get("MaxResults") or _MAX_UPDATED)
    more = {"NextToken": str(first + size)} if first + size < len(items) else {}
    return {"Findings": items[first : first + size], **more}


@patch.add_operation(SecurityHubResponse, "BatchUpdateFindings")
def batch_update_findings(response: SecurityHubResponse, params: ApiRecord) -> ApiRecord:
    """Changes the workflow of those that are named, and says which."""
    identifiers = params["FindingIdentifiers"]
    if len(identifiers) > _MAX_UPDATED:
        raise AwsError("InvalidInputException", f"at most {_MAX_UPDATED} findings")
    names = {(item["Id"], item["ProductArn"]) for item in identifiers}
    for finding in response.securityhub_backend.findings:
        if (finding.id, finding.data["ProductArn"]) in names and "Workflow" in params:
            finding.data["Workflow"] = params["Workflow"]
    return {"ProcessedFindings": identifiers, "UnprocessedFindings": []}


def _matches(item: ApiRecord, name: str, rules: list[ApiRecord]) -> bool:
    value = _get_value(item, name)
    equal = [rule["Value"] for rule in rules if rule["Comparison"] == "EQUALS"]
    other = [rule["Value"] for rule in rules if rule["Comparison"] == "NOT_EQUALS"]
    return (not equal or value in equal) and value not in other


def _get_value(item: ApiRecord, name: str) -> str:
    path, default = _FIELDS[name]
    value: Any = item
    for key in path:
        value = (value or {}).get(key)
    return str(value or default)
