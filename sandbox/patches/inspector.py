"""Inspector's findings, which moto takes from a queue whatever is asked for.

Sources: Amazon Inspector API reference, ListFindings, FilterCriteria; BatchGetAccountStatus answers
for accounts that never enabled it as well: DISABLED.
"""

from typing import Any, Final

from moto.inspector2.models import AccountStatus, Inspector2Backend, inspector2_backends
from moto.inspector2.responses import Inspector2Response

from sandbox.patches.patching import ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Fields of findings by the name of their filter.
_FILTERED_FIELDS: Final = {"awsAccountId": "awsAccountId", "findingStatus": "status"}
_WORST_FIRST: Final = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNTRIAGED")
_INSPECTOR_PAGE: Final = 100


def get_inspector_findings(account: str, region: str) -> list[ApiRecord]:
    """The findings of an account and region, under the API's own names."""
    return backend_state(inspector2_backends[account][region], "vulnerabilities", list)


@patch.replace_operation(Inspector2Response, "ListFindings")
def list_findings(response: Inspector2Response, params: ApiRecord) -> ApiRecord:
    """Those that match, the worst first if they are sorted by severity."""
    criteria = params.get("filterCriteria") or {}
    if unknown := set(criteria) - set(_FILTERED_FIELDS):
        raise NotImplementedError(f"criteria {sorted(unknown)} are not in the sandbox")
    items = [
        item
        for item in get_inspector_findings(response.current_account, response.region)
        if all(
            item[_FILTERED_FIELDS[name]] in [rule["value"] for rule in rules]
            for name, rules in criteria.items()
        )
    ]
    if (params.get("sortCriteria") or {}).get("field") == "SEVERITY":
        items.sort(key=lambda item: _WORST_FIRST.index(item["severity"]))
    first = int(params.get("nextToken") or 0)
    size = int(params.get("maxResults") or _INSPECTOR_PAGE)
    more = {"nextToken": str(first + size)} if first + size < len(items) else {}
    return {"findings": items[first : first + size], **more}


@patch.wrap(Inspector2Backend, "batch_get_account_status")
def batch_get_account_status(
    original: Any, backend: Inspector2Backend, account_ids: list[str]
) -> list[ApiRecord]:
    """Every account that is asked for has a status."""
    for account in account_ids:
        backend.account_status.setdefault(account, AccountStatus(account))
    answer: list[ApiRecord] = original(backend, account_ids)
    return answer


@patch.wrap(Inspector2Backend, "enable")
def enable(
    original: Any,
    backend: Inspector2Backend,
    account_ids: list[str] | None,
    resource_types: list[str],
) -> list[ApiRecord]:
    """Of the caller's own account if none is named (API reference, Enable)."""
    answer: list[ApiRecord] = original(backend, account_ids or [backend.account_id], resource_types)
    return answer
