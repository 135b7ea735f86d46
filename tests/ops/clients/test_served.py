"""A client of the served sandbox, on a clock that runs, while lines are typed beside it."""

import subprocess
import sys

import pytest

from sandbox.clients.http_client import HttpClient
from sandbox.running_stack import serve_stack

SERVED_LINES = (
    ("service deploy public.ecr.aws/app:v2 --service backend --yes", 0),
    ("service deploy public.ecr.aws/app:v3-never-healthy --service backend --yes", 5),
    ("service restart --service backend --yes", 0),
    ("service rollback --service backend --yes", 0),
    ("service scale 4 --service backend --yes", 0),
)


@pytest.mark.exhaustive
def test_operations_without_an_outage_cause_no_failed_requests() -> None:
    """How long it went without an answer is the machine's business here: not asserted."""
    with serve_stack("prod", factor=300) as it:
        for line, code in SERVED_LINES:
            with HttpClient(f"{it.site_url}/api/x") as asker:
                command = [sys.executable, "-m", "ops", *line.split()]
                done = subprocess.run(
                    command, env=it.environment, capture_output=True, text=True, check=False
                )
            assert done.returncode == code, done.stderr
            assert asker.get_observation().errors == 0, (line, asker.answer_counts)
            assert asker.get_observation().answered > 2
            assert not [image for _, image in asker.answer_counts if "never-healthy" in image]
