"""AWS Config: off, stopped, and rules that are not complied with until they are."""

import pytest

from sandbox.account_guards import watch_region
from sandbox.faults import DeniedFault, inject_faults
from tests.ops.audit.looks import mend, read_items, read_open
from tests.ops.every_command import open_command_line
from tests.ops.stage import REGION, Stage

KEY, RULE = "config-rules", "versions"


def put_recorders(stage: Stage) -> None:
    for region in (REGION, stage.outputs.stack.recovery_region):
        if region is not None:
            watch_region(region)


def put_rule(stage: Stage, name: str = RULE) -> None:
    """A rule that a bucket without versions does not comply with."""
    s3, config = stage.client("s3"), stage.client("config")
    s3.create_bucket(Bucket="plain", CreateBucketConfiguration={"LocationConstraint": REGION})
    source = {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_VERSIONING_ENABLED"}
    config.put_config_rule(ConfigRule={"ConfigRuleName": name, "Source": source})
    config.start_config_rules_evaluation(ConfigRuleNames=[name])


def test_off_is_found_and_turned_on_by_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(lambda _: None) as (stage, run_line):
        found = read_open(run_line, capsys, KEY)
        assert f"{KEY}/{REGION}/off" in found
        for finding in found.values():
            assert (finding["severity"], "0.003 $" in finding["evidence"]) == ("medium", True)
            mend(stage, finding)
        assert read_open(run_line, capsys, KEY) == {}


def test_a_recorder_that_is_stopped_is_started(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_recorders) as (stage, run_line):
        stage.client("config").stop_configuration_recorder(ConfigurationRecorderName="default")
        (found,) = read_open(run_line, capsys, KEY).values()
        assert (found["id"], bool(found["since"])) == (f"{KEY}/{REGION}/stopped", True)
        mend(stage, found)
        assert read_open(run_line, capsys, KEY) == {}


def test_a_rule_is_open_until_its_resources_comply(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_recorders) as (stage, run_line):
        put_rule(stage)
        (found,) = read_open(run_line, capsys, KEY).values()
        assert f"rule {RULE} (" in found["evidence"]
        mend(stage, found)  # an evaluation alone mends nothing
        assert set(read_open(run_line, capsys, KEY)) == {found["id"]}
        s3 = stage.client("s3")
        for bucket in s3.list_buckets()["Buckets"]:
            s3.put_bucket_versioning(
                Bucket=bucket["Name"], VersioningConfiguration={"Status": "Enabled"}
            )
        mend(stage, found)
        assert read_open(run_line, capsys, KEY) == {}


def test_rules_of_security_hub_are_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_recorders) as (stage, run_line):
        put_rule(stage, "securityhub-s3-versions-1a2b")
        assert read_open(run_line, capsys, KEY) == {}


@pytest.mark.parametrize(
    "api", ["describe_configuration_recorder_status", "describe_compliance_by_config_rule"]
)
def test_what_may_not_be_read_is_unknown(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    call = f"config.{api}"
    with open_command_line(put_recorders) as (_, run_line), inject_faults(DeniedFault((call,))):
        items = read_items(run_line, capsys, f"audit --only {KEY}")
        assert {item["state"] for item in items} == {"unknown"}
        assert all(f"{call} was denied" in item["evidence"] for item in items)
