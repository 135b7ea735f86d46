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
from sandbox.deploy import deploy_in_memory, use_in_memory_aws

REGION = "eu-north-1"


@dataclass(frozen=True)
class Prod:
    """The stack as it was deployed, and a file of its outputs."""

    outputs: Outputs
    file: Path
    aws: Aws

    def ops(self, *words: str) -> int:
        """Runs a command line; its exit code."""
        return main([*words, "--outputs", str(self.file)])


@contextmanager
def deployed(folder: Path) -> Iterator[Prod]:
    """The stack in an in-memory AWS of its own, and its outputs in a file of the folder."""
    with use_in_memory_aws(REGION):
        exports = dict(deploy_in_memory("prod").exports)
        file = folder / "outputs.json"
        file.write_text(json.dumps(exports), encoding="utf-8")
        yield Prod(parse_outputs(exports), file, Aws(REGION))


@pytest.fixture(scope="package")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prod]:
    with deployed(tmp_path_factory.mktemp("prod")) as made:
        yield made


@contextmanager
def calls(refuse: Callable[[str], str | None] = lambda _: None) -> Iterator[Counter[str]]:
    """Counts the API calls by operation, and refuses those for which there is an error code."""
    counted: Counter[str] = Counter()
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        counted[operation] += 1
        if (code := refuse(operation)) is not None:
            error = {"Error": {"Code": code, "Message": "said the test"}, "ResponseMetadata": {}}
            raise ClientError(error, operation)  # type: ignore[arg-type]
        return original(client, operation, parameters)

    with patch.object(BaseClient, "_make_api_call", call):
        yield counted
