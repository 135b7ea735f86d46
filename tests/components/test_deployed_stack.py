"""The account and the deployed stack are read from AWS before anything is registered."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
from botocore.exceptions import ClientError
from pydantic import JsonValue

from components.deployed_stack import read_deployed_stack, require_possible_settings
from components.routing import assign_priorities, build_routes
from components.settings import Settings, SettingsError, parse_settings
from components.settings.deployed_parts import DeployedCache, DeployedDatabase, DeployedStack
from components.settings.deployed_stack import require_existing_zones
from sandbox.aws import get_client, use_in_memory_aws
from sandbox.deploy import InMemoryMocks, deploy_in_memory
from sandbox.program import load_stack_config, run_program, run_stack_program
from tests.world import AwsMocks, build_settings

PUBLISHED: dict[str, Any] = {
    "stack": {"region": "eu-north-1", "dataKeyArn": None, "zones": ["a", "b"]},
    "network": {"cidr": "10.0.0.0/16"},
    "database": {
        "identifier": "bulwark-test-database",
        "replicatedBackupArn": "arn:aws:rds:eu-west-1:123456789012:auto-backup:ab-1",
    },
    "services": {"pieces": ["web"]},
    "services/web": {"web": {"port": 8080}},
    "fleet": None,
    "cache": None,
}
INSTANCE = {
    "port": 5433.0,
    "engineVersion": "16.9",
    "allocatedStorage": 20.0,
    "maxAllocatedStorage": 100.0,
    "dbName": "app",
    "masterUsername": "bulwark_admin",
    "availabilityZone": "eu-north-1b",
    "multiAz": True,
}


class DeployedMocks(AwsMocks):
    """Answers with a published stack and its DB instance; a text in place of it is an error."""

    def __init__(self, published: Mapping[str, Any], instance: dict[str, Any] | str) -> None:
        self.published, self.instance = published, instance

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        if args.token == "aws:ssm/getParametersByPath:getParametersByPath":
            root = args.args["path"]
            return {
                "names": [f"{root}/{path}" for path in self.published],
                "values": [json.dumps(value) for value in self.published.values()],
            }, []
        if args.token == "aws:rds/getInstance:getInstance":
            if isinstance(self.instance, str):
                return {}, [("", self.instance)]
            return self.instance, []
        return super().call(args)


def check(settings: Settings) -> None:
    require_possible_settings(settings)


def read(mocks: pulumi.runtime.Mocks, settings: Settings) -> DeployedStack:
    """What the program reads, run under `mocks`."""
    read_stacks: list[DeployedStack] = []
    run_program(lambda: read_stacks.append(read_deployed_stack(settings)), mocks)
    return read_stacks[0]


def test_a_published_stack_is_read_with_the_database_as_it_is_now() -> None:
    deployed = read(DeployedMocks(PUBLISHED, INSTANCE), build_settings())
    assert deployed == DeployedStack(
        has_own_keys=False,
        cidr="10.0.0.0/16",
        zones=("a", "b"),
        database=DeployedDatabase(
            port=5433,
            engine_version="16.9",
            storage_gb=20,
            max_storage_gb=100,
            name="app",
            admin_name="bulwark_admin",
            zone="b",
            has_standby=True,
            backup_region="eu-west-1",
        ),
        service_kinds={"web": "web"},
        service_ports={"web": 8080},
    )


class FleetMocks(DeployedMocks):
    """Answers with a group, or with what AWS says if there is none."""

    def __init__(self, group: dict[str, Any] | str) -> None:
        super().__init__(
            {**PUBLISHED, "fleet": {"group": "bulwark-test-fleet", "port": 8080}}, INSTANCE
        )
        self.group = group

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        if args.token == "aws:autoscaling/getGroup:getGroup":
            assert args.args["name"] == "bulwark-test-fleet"
            return ({}, [("", self.group)]) if isinstance(self.group, str) else (self.group, [])
        return super().call(args)


def build_group(version: str, *instance_types: str) -> dict[str, Any]:
    """A group with a mixed instances policy, as the provider answers."""
    template = {
        "launchTemplateSpecifications": [{"launchTemplateId": "lt-1", "version": version}],
        "overrides": [{"instanceType": name} for name in instance_types],
    }
    return {"mixedInstancesPolicies": [{"launchTemplates": [template]}]}


@pytest.mark.parametrize(
    ("group", "version", "architecture"),
    [
        (build_group("3", "t4g.small", "t4g.medium"), "3", "arm64"),
        (build_group("12", "t3.small"), "12", "x86_64"),
        (build_group("$Latest", "t4g.small"), None, "arm64"),
        ({"mixedInstancesPolicies": []}, None, None),
        ("couldn't find resource", None, None),
    ],
)
def test_a_fleet_is_read_as_instance_refreshes_left_it(
    group: dict[str, Any] | str, version: str | None, architecture: str | None
) -> None:
    deployed = read(FleetMocks(group), build_settings())
    assert (deployed.fleet_template_version, deployed.fleet_architecture) == (version, architecture)
    assert deployed.fleet_port == 8080


@pytest.mark.parametrize(
    ("declared", "wanted", "value"),
    [
        (True, False, "open-source-rds-extended-support-disabled"),
        (False, True, "open-source-rds-extended-support"),
        (True, True, None),
        (None, False, None),
    ],
)
def test_a_change_of_extended_support_names_the_command_that_makes_it(
    monkeypatch: pytest.MonkeyPatch, declared: bool | None, wanted: bool, value: str | None
) -> None:
    """The provider sends ModifyDBInstance without it (terraform-provider-aws#40870)."""
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_: warnings.append(text))
    database = {**PUBLISHED["database"], "extendedSupport": declared}
    mocks = DeployedMocks({**PUBLISHED, "database": database}, INSTANCE)
    settings = build_settings(
        {"encryption": "aws", "database": {"extendedSupport": wanted, "crossRegionBackups": False}}
    )
    run_program(lambda: check(settings), mocks)
    warned = [text for text in warnings if "extendedSupport" in text]
    assert len(warned) == (value is not None)
    for text in warned:
        assert text.startswith("bulwark:database.extendedSupport is ")
        assert (
            "`aws rds modify-db-instance --region eu-north-1 --db-instance-identifier "
            f"bulwark-test-database --engine-lifecycle-support {value}`"
        ) in text


def test_before_the_first_deployment_no_deployed_values_are_read() -> None:
    graph = run_program(lambda: check(build_settings()), AwsMocks())
    assert [token for token, _ in graph.invokes] == [
        "aws:index/getAvailabilityZones:getAvailabilityZones",
        "aws:route53/getZones:getZones",
        "aws:route53/getZone:getZone",
        "aws:ssm/getParametersByPath:getParametersByPath",
    ]


def test_a_zone_in_any_state_is_asked_for() -> None:
    """An impaired zone must not stop a deployment."""
    graph = run_program(lambda: check(build_settings()), AwsMocks())
    assert graph.invokes[0][1] == {"region": "eu-north-1"}


@pytest.mark.parametrize(
    ("region", "zones", "message"),
    [
        ("us-west-1", ["a", "b", "c"], "has 'c', must have only a, b: the zones of us-west-1"),
        ("ap-northeast-1", ["a", "b", "c"], "has 'b', must have only a, c, d: the zones of"),
    ],
)
def test_a_zone_that_the_account_lacks_is_refused_before_anything_is_registered(
    region: str, zones: list[JsonValue], message: str
) -> None:
    config = {
        "bulwark:profile": "dev",
        "bulwark:owner": "platform",
        "bulwark:costCenter": "cc-1",
        "bulwark:network": json.dumps({"zones": zones}),
    }
    settings = parse_settings("bulwark", stack="test", region=region, config=config)
    with (
        use_in_memory_aws(region),
        pytest.raises(pulumi.RunError, match=f"^bulwark:network.zones {message}"),
    ):
        run_program(lambda: check(settings), InMemoryMocks(region))


def test_a_name_outside_its_hosted_zone_is_refused_before_anything_is_registered() -> None:
    cases: tuple[tuple[dict[str, JsonValue], str], ...] = (
        (
            {
                "domain": "app.example.org",
                "zoneId": "Z1",
                "alternativeNames": ["www.example.com"],
            },
            "domain is 'app.example.org', must be a name under 'example.com', the domain of the "
            "hosted zone Z1, unless zoneId is that of another",
        ),
        (
            {
                "domain": "example.com",
                "zoneId": "Z1",
                "alternativeNames": ["www.example.com", "notexample.com"],
            },
            "alternativeNames holds 'notexample.com', must be a name under 'example.com', the "
            "domain of the hosted zone Z1, unless alternativeZones names its own",
        ),
    )
    for values, message in cases:
        settings = build_settings({"loadBalancer": values})
        with pytest.raises(pulumi.RunError) as refusal:
            run_program(lambda settings=settings: check(settings), AwsMocks())  # type: ignore[misc]
        assert str(refusal.value) == f"bulwark:loadBalancer.{message}"


def test_names_in_two_hosted_zones_are_deployed_each_into_its_own() -> None:
    load_balancer: dict[str, JsonValue] = {
        "domain": "app.example.com",
        "zoneId": "Z0FIRST",
        "alternativeNames": ["app.example.org", "*.example.org"],
        "alternativeZones": {"app.example.org": "Z0SECOND", "*.example.org": "Z0THIRD"},
    }
    with use_in_memory_aws("eu-north-1"):
        deploy_in_memory("prod", {"bulwark:loadBalancer": load_balancer})
        route53 = get_client("route53", "us-east-1")
        records = {
            zone: {
                (record["Name"], record["Type"])
                for record in route53.list_resource_record_sets(HostedZoneId=zone)[
                    "ResourceRecordSets"
                ]
                if record["Type"] in ("A", "CNAME")
            }
            for zone in ("Z0FIRST", "Z0SECOND", "Z0THIRD")
        }
    assert {zone: sorted(type_ for _, type_ in names) for zone, names in records.items()} == {
        "Z0FIRST": ["A", "CNAME"],
        "Z0SECOND": ["A", "CNAME"],
        "Z0THIRD": ["A", "CNAME"],
    }
    assert ("app.example.org.", "A") in records["Z0SECOND"]


def test_local_zones_are_not_offered() -> None:
    zone_names = ["eu-north-1a", "eu-north-1b", "eu-north-1-hel-1a"]
    with pytest.raises(SettingsError, match="has 'c', must have only a, b: the zones of"):
        require_existing_zones(build_settings(), zone_names)


def test_outputs_copied_from_a_lost_region_are_no_deployed_stack() -> None:
    """In the recovery region the outputs have the same path."""
    published = PUBLISHED | {"stack": {**PUBLISHED["stack"], "region": "eu-west-1"}}
    assert read(DeployedMocks(published, INSTANCE), build_settings()) == DeployedStack()


@pytest.mark.parametrize(
    "message",
    [
        "reading RDS DB Instance: no matching RDS DB Instance found",
        "DBInstanceNotFound: DBInstance bulwark-test-database not found",
    ],
)
def test_a_deleted_database_is_not_counted_as_deployed(message: str) -> None:
    deployed = read(DeployedMocks(PUBLISHED, message), build_settings())
    assert deployed.database is None
    assert deployed.cidr == "10.0.0.0/16"


def test_a_database_that_cannot_be_read_is_not_taken_for_gone() -> None:
    with pytest.raises(Exception, match="AccessDenied"):
        read(DeployedMocks(PUBLISHED, "AccessDenied"), build_settings())


def test_a_refusal_registers_nothing() -> None:
    with pytest.raises(pulumi.RunError, match=r"bulwark:services\.backend\.port is 9090"):
        run_stack_program(
            "dev",
            DeployedMocks(PUBLISHED | {"services/backend": {"backend": {"port": 8080}}}, INSTANCE),
            {"services": {"backend": {"port": 9090}}},
        )


def test_deployed_rules_keep_their_priorities_beside_new_ones() -> None:
    """The published ones, whatever the hash of their route would name."""
    (route,) = build_routes({"backend": ((), ("/*",))}, {})
    published = {
        "services": {"pieces": ["backend"]},
        "services/backend": {"backend": {"port": 8080}},
        "loadBalancer/backend": {"backend": {"priorities": {route.key: 48_000}}},
    }
    graph = run_stack_program(
        "dev",
        DeployedMocks(PUBLISHED | published, INSTANCE),
        {"services": {"backend": {}, "added": {"paths": ["/added/*"]}}},
    )
    rules = {
        rule.name: rule.inputs["priority"]
        for rule in graph.list_resources("aws:lb/listenerRule:ListenerRule")
    }
    assert rules[f"alb-backend-{route.label}"] == 48_000
    assert len({*rules.values()}) == len(rules) == 3


def test_the_deployed_stack_is_read_from_the_same_aws() -> None:
    overrides: dict[str, JsonValue] = {"compute": "both", "cache": {"enabled": True}}
    with use_in_memory_aws("eu-north-1"):
        deploy_in_memory("dev", overrides)
        project, config = load_stack_config("dev", overrides)
        settings = parse_settings(project, stack="dev", region=config["aws:region"], config=config)
        deployed = read(InMemoryMocks(config["aws:region"]), settings)
    assert deployed.database is not None
    assert deployed.database.engine_version.startswith("16.")
    assert (deployed.has_own_keys, deployed.zones) == (False, ("a", "b"))
    assert deployed.route_priorities == {
        name: {route.key: priority}
        for name in ("backend", "fleet")
        for route, priority in assign_priorities(settings.routes).items()
        if route.target == name
    }
    assert (deployed.service_ports, deployed.fleet_port) == ({"backend": 8080}, 8080)
    assert deployed.cache == DeployedCache(
        engine="valkey", port=6379, has_failover=False, engine_version="8.0.1"
    )


def test_a_zone_goes_once_neither_primary_nor_standby_nor_cache_is_in_it() -> None:
    """The procedure of docs/changing.md, up to the deployment that removes the zone."""
    overrides: dict[str, JsonValue] = {"cache": {"enabled": True}}
    project, config = load_stack_config("prod", overrides)
    region, name = config["aws:region"], f"{project}-prod-database"

    def read_without(zone: str) -> str:
        """What the program says of a deployment without a zone; nothing if it is possible."""
        zones: list[JsonValue] = [letter for letter in "abc" if letter != zone]
        _, changed = load_stack_config("prod", overrides | {"network": {"zones": zones}})
        settings = parse_settings(project, stack="prod", region=region, config=changed)
        try:
            run_program(lambda: check(settings), InMemoryMocks(region))
        except pulumi.RunError as error:
            return str(error)
        return ""

    with use_in_memory_aws(region):
        deploy_in_memory("prod", overrides)
        rds = get_client("rds", region)
        primary = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        zone, standby = primary["AvailabilityZone"][-1], primary["SecondaryAvailabilityZone"][-1]
        (free,) = {*"abc"} - {zone, standby}
        assert read_without(free) == ""
        assert f"must keep {zone!r}: the primary database is there" in read_without(zone)
        assert "a node of the cache is there" in read_without(zone)
        assert f"must keep {standby!r}: RDS has a host there" in read_without(standby)
        rds.reboot_db_instance(DBInstanceIdentifier=name, ForceFailover=True)
        assert f"must keep {zone!r}: RDS has a host there" in read_without(zone)
        rds.modify_db_instance(DBInstanceIdentifier=name, MultiAZ=False, ApplyImmediately=True)
        assert "RDS has a host there" not in read_without(zone)
        group = primary["DBSubnetGroup"]
        subnets = {
            subnet["SubnetAvailabilityZone"]["Name"][-1]: subnet["SubnetIdentifier"]
            for subnet in group["Subnets"]
        }

        def keep_zones(*zones: str) -> None:
            rds.modify_db_subnet_group(
                DBSubnetGroupName=group["DBSubnetGroupName"],
                SubnetIds=[subnets[letter] for letter in zones],
            )

        keep_zones(standby, free)
        with pytest.raises(ClientError, match="already in use by the DB instance"):
            keep_zones(free)
