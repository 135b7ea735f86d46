"""Prod, deployed once for the tests of this folder, and `ops` as a user types it on it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from ops.cli.app import main
from ops.core.aws import Aws
from ops.outputs import Outputs, parse_outputs
from sandbox.deploy import deploy_in_memory, subscribe_somebody, use_in_memory_aws
from tests.ops.tls_stage import answer_in_process

REGION = "eu-north-1"


@dataclass(frozen=True)
class DeployedProd:
    """The stack as it was deployed, and a file of its outputs."""

    outputs: Outputs
    file: Path
    aws: Aws

    def run_ops(self, *words: str) -> int:
        """Runs a command line; its exit code. The stack's own URL answers with 200."""
        with (
            patch("ops.health.requests.fetch_url", return_value={"status": 200, "digest": ""}),
            answer_in_process(),
        ):
            return main([*words, "--outputs", str(self.file)])


@contextmanager
def deploy_prod(folder: Path) -> Iterator[DeployedProd]:
    """The stack in an in-memory AWS of its own, and its outputs in a file of the folder."""
    with use_in_memory_aws(REGION):
        exports = dict(deploy_in_memory("prod").exports)
        file = folder / "outputs.json"
        file.write_text(json.dumps(exports), encoding="utf-8")
        subscribe_somebody(exports)
        yield DeployedProd(parse_outputs(exports), file, Aws(REGION))


@pytest.fixture(scope="package")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedProd]:
    with deploy_prod(tmp_path_factory.mktemp("prod")) as deployed_prod:
        yield deployed_prod


@contextmanager
def count_calls(
    find_error_code: Callable[[str], str | None] = lambda _: None,
) -> Iterator[Counter[str]]:
    """Counts the API calls by operation, and refuses those for which there is an error code."""
    call_counts: Counter[str] = Counter()
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def count_api_call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        call_counts[operation] += 1
        if (code := find_error_code(operation)) is not None:
            error = {"Error": {"Code": code, "Message": "said the test"}, "ResponseMetadata": {}}
            raise ClientError(error, operation)  # type: ignore[arg-type]
        return original(client, operation, parameters)

    with patch.object(BaseClient, "_make_api_call", count_api_call):
        yield call_counts
