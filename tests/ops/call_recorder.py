"""Records the calls to AWS that a command makes; not those of functions that the sandbox runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from botocore import xform_name
from botocore.client import BaseClient

from ops.core.aws import CLIENT_CONFIG


@dataclass(frozen=True)
class RecordedCall:
    """One call as it was sent."""

    api: str
    params: dict[str, Any]
    region: str


@contextmanager
def record_calls() -> Iterator[list[RecordedCall]]:
    """The calls that are made meanwhile, in boto3's spelling, as far as they were sent."""
    calls: list[RecordedCall] = []
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def record_api_call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        service = client.meta.service_model.service_name
        api = f"{service}.{xform_name(operation)}"
        if client.meta.config.user_agent_extra == CLIENT_CONFIG.user_agent_extra:  # type: ignore[attr-defined]
            calls.append(RecordedCall(api, parameters, client.meta.region_name))
        return original(client, operation, parameters)

    with patch.object(BaseClient, "_make_api_call", record_api_call):
        yield calls
