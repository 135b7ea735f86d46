"""`ops network flows`: records of the flow logs, with who it is and what it costs."""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.ops.every_command import open_command_line
from tests.ops.log_stage import put_lines
from tests.ops.network_stage import find_group, put_network
from tests.ops.stage import Stage

Typed = tuple[Stage, Callable[[str], int]]
FLOW = "2 123456789012 {} {} {} 4711 {} 6 3 {} 1767225600 1767225660 {} OK"
GROUP = "/bulwark/test/flow-logs"
GIB = 2**30


def put_flows(stage: Stage) -> None:
    """Tasks that send through NAT, to S3, to the database, and one that is refused."""
    put_network(stage)
    tasks = find_group(stage, "tasks")
    services = stage.outputs.services
    assert services is not None
    backend = services.services["backend"].model_copy(update={"security_group_id": tasks})
    changed = services.model_copy(update={"services": {"backend": backend}})
    stage.outputs = stage.outputs.model_copy(update={"services": changed})
    ec2 = stage.client("ec2")
    task = ec2.describe_network_interfaces(Filters=[{"Name": "group-id", "Values": [tasks]}])
    item = task["NetworkInterfaces"][0]
    eni, address = item["NetworkInterfaceId"], item["PrivateIpAddress"]
    gateway = ec2.describe_nat_gateways()["NatGateways"][0]["NatGatewayAddresses"][0]
    lists = ec2.describe_managed_prefix_lists(
        Filters=[{"Name": "prefix-list-name", "Values": ["com.amazonaws.eu-north-1.s3"]}]
    )["PrefixLists"]
    entries = ec2.get_managed_prefix_list_entries(PrefixListId=lists[0]["PrefixListId"])["Entries"]
    bucket_address = entries[0]["Cidr"].partition("/")[0]
    lines = [
        FLOW.format(eni, address, "198.51.100.7", 443, GIB, "ACCEPT"),
        FLOW.format(eni, "198.51.100.7", address, 4711, 3 * GIB, "ACCEPT"),
        FLOW.format("eni-0dead", "10.0.16.99", "198.51.100.8", 443, GIB, "ACCEPT"),
        FLOW.format(gateway["NetworkInterfaceId"], address, "198.51.100.7", 443, GIB, "ACCEPT"),
        FLOW.format(eni, address, bucket_address, 443, 9 * GIB, "ACCEPT"),
        FLOW.format(eni, address, "10.0.40.9", 5433, 9 * GIB, "ACCEPT"),
        FLOW.format(eni, address, "10.0.40.9", 5432, 60, "REJECT"),
        FLOW.format(eni, address, "10.0.40.9", 5432, 60, "REJECT"),
    ]
    put_lines(stage, lines, group=GROUP, stream="s")


@pytest.fixture
def typed() -> Iterator[Typed]:
    with open_command_line(put_flows) as (stage, run_line):
        yield stage, run_line


def test_nat_names_who_costs_and_leaves_out_what_does_not_pass_it(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    assert run_line("network flows nat --output json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["items"] == [
        {"from": "backend", "to": "198.51.100.7", "bytes": 4 * GIB, "cost": 0.18},
        {"from": "10.0.16.99 (gone)", "to": "198.51.100.8", "bytes": GIB, "cost": 0.045},
    ]
    assert "0.2250 $ in all, at 0.045 $ per GB (us-east-1's list price, 2026-11)" in err


def test_rejected_names_who_was_refused(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    _, run_line = typed
    assert run_line("network flows rejected --output json") == 0
    (row,) = json.loads(capsys.readouterr().out)["items"]
    assert (row["flows"], row["bytes"], row["port"], row["protocol"]) == (2, 120, "5432", "tcp")
    assert row["from"].endswith(" (backend)")
    assert row["to"] == "10.0.40.9"


def test_top_is_by_bytes_and_says_what_it_hides(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_line = typed
    assert run_line("network flows top --rows 2 --output json") == 0
    out, err = capsys.readouterr()
    assert [row["bytes"] for row in json.loads(out)["items"]] == [9 * GIB, 9 * GIB]
    assert "ops: 4 more rows: --rows" in err


def test_without_flow_logs_in_cloudwatch_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    def put_none(stage: Stage) -> None:
        network = stage.outputs.network.model_copy(update={"flow_log_group": None})
        stage.outputs = stage.outputs.model_copy(update={"network": network})

    with open_command_line(put_none) as (_, run_line):
        assert run_line("network flows top") == 2
    assert "network.flowLogs must have cloudwatch" in capsys.readouterr().err
