"""CloudWatch Logs: saved queries, which moto lacks.

Limits, errors and what an update replaces: API reference, PutQueryDefinition.
"""

import uuid
from typing import Any, Final

from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse

from sandbox.clock import get_sandbox_clock
from sandbox.patches.patching import AwsError, ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
MAX_NAME_CHARACTERS: Final = 255
MAX_TEXT_CHARACTERS: Final = 10_000


def get_query_definitions(backend: LogsBackend) -> dict[str, ApiRecord]:
    """The saved queries of an account and region by id."""
    return backend_state(backend, "query_definitions", dict)


@patch.add_operation(LogsResponse, "PutQueryDefinition")
def put_query_definition(response: LogsResponse, params: ApiRecord) -> ApiRecord:
    """Saves a query, or replaces all of one: log groups that are left out are gone from it."""
    backend: LogsBackend = response.logs_backend
    definitions = get_query_definitions(backend)
    name, text = params["name"], params["queryString"]
    if not (0 < len(name) <= MAX_NAME_CHARACTERS and 0 < len(text) <= MAX_TEXT_CHARACTERS):
        raise AwsError("InvalidParameterException", "The name or the query is too short or long.")
    groups = params.get("logGroupNames") or []
    for group in groups:
        if group not in backend.groups:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    query_id = params.get("queryDefinitionId") or str(uuid.uuid4())
    if params.get("queryDefinitionId") and query_id not in definitions:
        raise AwsError("ResourceNotFoundException", "The query definition does not exist.")
    definitions[query_id] = {
        "queryDefinitionId": query_id,
        "name": name,
        "queryString": text,
        "lastModified": int(get_sandbox_clock().now().timestamp() * 1000),
        "logGroupNames": list(groups),
    }
    return {"queryDefinitionId": query_id}


@patch.add_operation(LogsResponse, "DescribeQueryDefinitions")
def describe_query_definitions(response: LogsResponse, params: ApiRecord) -> ApiRecord:
    prefix = params.get("queryDefinitionNamePrefix") or ""
    definitions = get_query_definitions(response.logs_backend).values()
    return {"queryDefinitions": [item for item in definitions if item["name"].startswith(prefix)]}


@patch.add_operation(LogsResponse, "DeleteQueryDefinition")
def delete_query_definition(response: LogsResponse, params: ApiRecord) -> ApiRecord:
    definitions = get_query_definitions(response.logs_backend)
    if definitions.pop(params["queryDefinitionId"], None) is None:
        raise AwsError("ResourceNotFoundException", "The query definition does not exist.")
    return {"success": True}
