"""Prod in a sandbox that is served by a process of its own: what cold commands are measured on."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sandbox.program import PROJECT_ROOT

BENCHMARK_REGION = "eu-north-1"
_SERVER_SOURCE = f"""
import json, sys
from pathlib import Path
from sandbox.deploy import deploy_in_memory, use_in_memory_aws
from sandbox.server import build_aws_server, open_listening_socket
with use_in_memory_aws({BENCHMARK_REGION!r}), open_listening_socket(0) as listening:
    exports = dict(deploy_in_memory("prod").exports)
    Path(sys.argv[1]).write_text(json.dumps(exports))
    print(listening.getsockname()[1], flush=True)
    build_aws_server(listening).serve_forever()
"""


@dataclass(frozen=True)
class ServedSandbox:
    """Where the sandbox is, and the file of the stack's outputs."""

    url: str
    outputs: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to work on it."""
        sandbox_variables = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": BENCHMARK_REGION,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_EC2_METADATA_DISABLED": "true",
            "BULWARK_OUTPUTS": str(self.outputs),
        }
        return {
            name: value for name, value in os.environ.items() if not name.startswith("AWS_")
        } | sandbox_variables


@contextmanager
def open_served_sandbox() -> Iterator[ServedSandbox]:
    """A served prod until the end of the block."""
    with TemporaryDirectory() as folder:
        outputs = Path(folder, "outputs.json")
        server = subprocess.Popen(
            [sys.executable, "-c", _SERVER_SOURCE, str(outputs)],
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            if not port:
                raise RuntimeError("the sandbox did not start")
            assert json.loads(outputs.read_text())
            yield ServedSandbox(f"http://127.0.0.1:{port}", outputs)
        finally:
            server.terminate()
            server.wait(10)
