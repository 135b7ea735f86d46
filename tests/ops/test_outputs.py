"""The contract's way through Parameter Store and Pulumi: nothing lost, nothing taken for null."""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.outputs import (
    Outputs,
    OutputsError,
    build_outputs_path,
    divide_part,
    join_parts,
    parse_outputs,
)

NAME_STRATEGY = st.from_regex(r"[a-z][a-z0-9-]{0,19}", fullmatch=True)
TEXT_STRATEGY = st.text(max_size=30)
SAMPLE_ARN = "arn:aws:x:eu-north-1:123456789012:y"


def build_target_strategy() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "targetGroupArn": TEXT_STRATEGY,
            "ruleArns": st.lists(TEXT_STRATEGY, max_size=3),
            "healthPath": TEXT_STRATEGY,
        }
    )


def build_outputs_json(
    services: Mapping[str, Any], targets: Mapping[str, Any], names: Any
) -> dict[str, Any]:
    """A stack's outputs that have these services, targets and alarm names."""
    return {
        "stack": {
            "version": 1,
            "project": "bulwark",
            "stack": "test",
            "profile": "prod",
            "compute": "services",
            "protect": True,
            "account": "123456789012",
            "region": "eu-north-1",
            "recoveryRegion": None,
            "zones": ["a", "b"],
            "dataKeyArn": None,
            "logsKeyArn": None,
            "recoveryKeyArn": None,
        },
        "network": {
            "vpcId": "vpc-1",
            "cidr": "10.0.0.0/16",
            **{
                key: {"a": "x"}
                for key in ("publicSubnets", "privateSubnets", "databaseSubnets", "natGateways")
            },
            "natInstances": {},
            "natAddresses": {},
            "flowLogGroup": None,
        },
        "loadBalancer": {
            **dict.fromkeys(
                ("arn", "name", "dnsName", "url", "securityGroupId", "listenerArn"), "x"
            ),
            "maintenanceRuleArn": SAMPLE_ARN,
            **dict.fromkeys(("certificateArn", "zoneId", "webAclArn", "accessLogBucket")),
            "nameServers": [],
            "targets": targets,
        },
        "database": {
            **dict.fromkeys(
                (
                    "identifier",
                    "arn",
                    "endpoint",
                    "database",
                    "adminName",
                    "secretArn",
                    "securityGroupId",
                    "fenceSecurityGroupId",
                    "subnetGroup",
                    "parameterGroup",
                    "engineVersion",
                    "instanceClass",
                ),
                "x",
            ),
            "port": 5433,
            "multiAz": True,
            "replicas": [],
            "logGroups": [],
            "replicatedBackupArn": None,
        },
        "services": {"cluster": "c", "clusterArn": SAMPLE_ARN, "services": services},
        "fleet": None,
        "cache": None,
        "registry": None,
        "alarms": {"pageTopicArn": SAMPLE_ARN, "warnTopicArn": SAMPLE_ARN, "names": names},
        "dashboards": None,
        "backups": {
            **dict.fromkeys(
                ("vault", "planId", "roleArn", "recoveryVaultArn", "restoreTestingPlan")
            ),
            "operationsBucket": "b",
            "recoveryBucket": None,
            "outputsPath": "/bulwark/test/outputs",
        },
        "access": {f"{role}RoleArn": SAMPLE_ARN for role in ("reader", "operator", "recoverer")},
    }


def build_service_json(name: str) -> dict[str, Any]:
    keys = (
        "arn",
        "family",
        "taskDefinitionArn",
        "container",
        "logGroup",
        "taskRoleArn",
        "executionRoleArn",
        "securityGroupId",
    )
    return {"name": name, "port": 8080, "scalingResourceId": None, **dict.fromkeys(keys, "x")}


PLAIN_OUTPUTS = build_outputs_json(
    {"web": build_service_json("web")}, {"web": {}}, {"P0": ["a"], "P1": []}
)
PLAIN_OUTPUTS["loadBalancer"]["targets"]["web"] = {
    "targetGroupArn": SAMPLE_ARN,
    "ruleArns": [SAMPLE_ARN],
    "healthPath": "/",
}
PART_LABELS = {"services": ["web"], "loadBalancer": ["web"], "alarms": ["1", "2"]}


def build_parameters(exports: Mapping[str, Any], labels: Mapping[str, list[str]]) -> dict[str, str]:
    """The parameters of all parts."""
    parameters: dict[str, str] = {}
    for part, value in exports.items():
        parameters |= divide_part(part, value, labels.get(part, []))
    return parameters


@given(
    targets=st.dictionaries(NAME_STRATEGY, build_target_strategy(), max_size=5),
    names=st.dictionaries(
        st.sampled_from(["P0", "P1", "P2"]), st.lists(TEXT_STRATEGY, max_size=20)
    ),
    pieces=st.integers(1, 7),
)
def test_divided_parts_join_to_the_same_outputs(
    targets: dict[str, Any], names: dict[str, list[str]], pieces: int
) -> None:
    services = {name: build_service_json(name) for name in targets}
    whole = build_outputs_json(services, targets, names)
    labels = {
        "services": list(services),
        "loadBalancer": list(targets),
        "alarms": [str(n) for n in range(pieces)],
    }
    assert join_parts(build_parameters(whole, labels)) == Outputs.model_validate(whole)


@given(names=st.lists(TEXT_STRATEGY, max_size=200), pieces=st.integers(1, 9))
def test_alarm_names_are_spread_evenly_over_parameters(names: list[str], pieces: int) -> None:
    labels = [str(n) for n in range(pieces)]
    whole = build_outputs_json({}, {}, {"P1": names})
    parameters = divide_part("alarms", whole["alarms"], labels)
    shares = [len(json.loads(parameters[f"alarms/{x}"]).get("P1", [])) for x in labels]
    assert max(shares) - min(shares) <= 1


def test_a_missing_parameter_is_named_and_never_read_as_null() -> None:
    parameters = build_parameters(PLAIN_OUTPUTS, PART_LABELS)
    assert parameters["fleet"] == "null"
    for path in parameters:
        rest = {key: text for key, text in parameters.items() if key != path}
        with pytest.raises(OutputsError, match=f"the parameter {path} is missing; deploy"):
            join_parts(rest)


@pytest.mark.parametrize("text", ["", "[1]", "3", "{"])
def test_a_parameter_that_is_no_object_is_named(text: str) -> None:
    with pytest.raises(OutputsError, match="the parameter services/web is not a JSON object"):
        join_parts({**build_parameters(PLAIN_OUTPUTS, PART_LABELS), "services/web": text})


def test_labels_that_are_not_the_entries_are_refused() -> None:
    with pytest.raises(OutputsError, match=r"services.services has \['web'\], not \['api'\]"):
        divide_part("services", PLAIN_OUTPUTS["services"], ["api"])


def test_a_field_that_pulumi_omits_is_null() -> None:
    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: bare(entry) for key, entry in value.items() if entry is not None}
        return value

    assert parse_outputs(bare(PLAIN_OUTPUTS)) == parse_outputs(PLAIN_OUTPUTS)
    assert parse_outputs(PLAIN_OUTPUTS).fleet is None


def test_other_outputs_are_refused_with_what_is_wrong() -> None:
    with pytest.raises(OutputsError, match=r"version 1; deploy .*: stack\.version: .*1"):
        parse_outputs({**PLAIN_OUTPUTS, "stack": {**PLAIN_OUTPUTS["stack"], "version": 2}})
    with pytest.raises(OutputsError, match="database: Field required"):
        parse_outputs({key: part for key, part in PLAIN_OUTPUTS.items() if key != "database"})


def test_the_path_is_of_project_and_stack() -> None:
    assert build_outputs_path("bulwark", "prod") == "/bulwark/prod/outputs"


def test_reading_the_contract_loads_no_pulumi_and_no_aws() -> None:
    code = "import sys, ops.outputs; print(*{'pulumi', 'boto3', 'botocore'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""
