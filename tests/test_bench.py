"""The measurements: work is compared with its imports alone."""

import subprocess
from pathlib import Path

import pytest

from bench import cli
from bench.floor import BenchmarkResult, measure_against_imports
from ops.core.checks import ReadRequest, build_read


def test_work_is_measured_against_what_it_imports() -> None:
    measured = measure_against_imports(
        "sleep", "import decimal, time; time.sleep(0.2)", "none", runs=1
    )
    assert measured.total_seconds >= 0.2 > measured.floor_seconds > 0


def test_a_measurement_reads_as_a_ratio() -> None:
    assert str(BenchmarkResult("up", 3.0, 2.0, "2x")) == (
        "up: 1.50x its imports (3.00 s, of which imports 2.00 s, the rest 1.00 s); goal 2x"
    )


@pytest.mark.parametrize(
    ("read_call", "words"),
    [
        (
            build_read("rds.describe_db_instances", "DBInstances", DBInstanceIdentifier="main"),
            "rds describe-db-instances --region eu-north-1 --output json "
            """--cli-input-json {"DBInstanceIdentifier": "main"}""",
        ),
        (
            build_read(
                "s3.head_bucket", "", region="eu-west-1", absent_codes=["404"], Bucket="it's"
            ),
            "s3api head-bucket --region eu-west-1 --output json "
            """--cli-input-json {"Bucket": "it's"} --no-paginate""",
        ),
        (
            build_read("backup.list_copy_jobs", "CopyJobs", max_pages=3),
            "backup list-copy-jobs --region eu-north-1 --output json --cli-input-json {} "
            "--no-paginate",
        ),
    ],
)
def test_a_read_is_one_call_of_the_aws_cli(
    tmp_path: Path, read_call: ReadRequest, words: str
) -> None:
    """As a shell takes it: a stand-in of the CLI writes down what it was called with."""
    arguments_file, stand_in, file = (tmp_path / name for name in ("said", "aws", "script.sh"))
    stand_in.write_text(f'#!/bin/sh\nprintf "%s" "$*" > {arguments_file}\nexit 1\n')
    stand_in.chmod(0o755)
    file.write_text(cli.build_aws_cli_script(stand_in, [read_call]))
    done = subprocess.run(["sh", str(file)], check=False)
    assert arguments_file.read_text() == words
    assert done.returncode == (0 if read_call.absent_codes else 1), (
        "a call that fails is not passed over"
    )


def test_where_the_aws_cli_cannot_be_installed_it_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "CLI_FOLDER", tmp_path / "file" / "awscli")
    (tmp_path / "file").write_text("in the way")
    assert cli.run_benchmark().startswith(
        "ops health against the AWS CLI: skipped, the AWS CLI cannot be installed: "
    )
