"""Nat: which device stands where, and that an instance does what a gateway does, and no more."""

import shutil
import subprocess

import pytest

from components.account import Account
from components.nat import Nat, NatArgs
from components.settings import Settings
from sandbox.program import ResourceGraph
from tests.conftest import Build
from tests.world import build_settings

NAT_GATEWAY_TYPE, EIP_TYPE = "aws:ec2/natGateway:NatGateway", "aws:ec2/eip:Eip"
EC2_INSTANCE_RESOURCE_TYPE = "aws:ec2/instance:Instance"
KMS_KEY_ARN = "arn:aws:kms:eu-north-1:123456789012:key/data"
SUBNETS_BY_ZONE = {zone: f"subnet-{zone}" for zone in "abc"}


def build_nat_graph(build: Build, settings: Settings) -> ResourceGraph:
    def program() -> None:
        args = NatArgs(
            settings=settings,
            account=Account.get_current(),
            kms_key=KMS_KEY_ARN,
            vpc_id="vpc-1",
            public_subnets=SUBNETS_BY_ZONE,
            private_cidr="10.0.0.0/17",
        )
        Nat("nat", args=args)

    return build(program)


def build_nat_instances_graph(build: Build, kind: str = "one") -> ResourceGraph:
    return build_nat_graph(
        build, build_settings({"network": {"nat": kind, "natDevice": "instance"}})
    )


@pytest.mark.parametrize(("kind", "zones"), [("one", "a"), ("per-zone", "abc")])
def test_a_nat_gateway_is_in_each_chosen_zone_with_its_own_address(
    build: Build, kind: str, zones: str
) -> None:
    graph = build_nat_graph(build, build_settings({"network": {"nat": kind}}))
    gateways = {
        g.name: (g.inputs["subnetId"], g.inputs["allocationId"])
        for g in graph.list_resources(NAT_GATEWAY_TYPE)
    }
    assert gateways == {f"nat-{z}": (f"subnet-{z}", f"eipalloc-nat-{z}") for z in zones}
    assert [e.protect for e in graph.list_resources(EIP_TYPE)] == [True] * len(zones)
    assert graph.list_resources(EC2_INSTANCE_RESOURCE_TYPE) == []


@pytest.mark.parametrize(("kind", "zones"), [("one", "a"), ("per-zone", "abc")])
def test_a_nat_instance_is_in_each_chosen_zone_with_its_own_address(
    build: Build, kind: str, zones: str
) -> None:
    graph = build_nat_instances_graph(build, kind)
    assert {
        i.name: i.inputs["subnetId"] for i in graph.list_resources(EC2_INSTANCE_RESOURCE_TYPE)
    } == {f"nat-instance-{z}": f"subnet-{z}" for z in zones}
    assert {e.inputs["instance"] for e in graph.list_resources(EIP_TYPE)} == {
        f"nat-instance-{z}-id" for z in zones
    }
    assert graph.list_resources(NAT_GATEWAY_TYPE) == []


def test_a_gateway_and_an_instance_never_want_the_same_address(build: Build) -> None:
    gateways = {e.name for e in build_nat_graph(build, build_settings()).list_resources(EIP_TYPE)}
    assert gateways.isdisjoint(
        e.name for e in build_nat_instances_graph(build).list_resources(EIP_TYPE)
    )


def test_an_instance_forwards_for_others(build: Build) -> None:
    assert (
        build_nat_instances_graph(build)
        .get_resource(EC2_INSTANCE_RESOURCE_TYPE)
        .inputs["sourceDestCheck"]
        is False
    )


@pytest.mark.parametrize("control", ["EC2.8", "EC2.170"])
def test_an_instance_has_the_second_metadata_service_only(build: Build, control: str) -> None:
    options = (
        build_nat_instances_graph(build)
        .get_resource(EC2_INSTANCE_RESOURCE_TYPE)
        .inputs["metadataOptions"]
    )
    assert options["httpTokens"] == "required", control
    assert options["httpPutResponseHopLimit"] == 1, control


def test_ec2_3_the_disk_of_an_instance_is_encrypted_with_the_stacks_key(build: Build) -> None:
    disk = (
        build_nat_instances_graph(build)
        .get_resource(EC2_INSTANCE_RESOURCE_TYPE)
        .inputs["rootBlockDevice"]
    )
    assert (disk["encrypted"], disk["kmsKeyId"], disk["volumeType"]) == (True, KMS_KEY_ARN, "gp3")


def test_a_newer_image_replaces_no_instance_but_a_newer_script_does(build: Build) -> None:
    instance = build_nat_instances_graph(build).get_resource(EC2_INSTANCE_RESOURCE_TYPE)
    assert instance.ignore_changes == ("ami",)
    assert instance.inputs["userDataReplaceOnChange"] is True
    assert instance.inputs["ami"] == "ami-0123456789abcdef0"


def test_ssm_1_an_instance_is_managed_by_systems_manager(build: Build) -> None:
    graph = build_nat_instances_graph(build)
    attachment = graph.get_resource("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert attachment.inputs["policyArn"].endswith(":policy/AmazonSSMManagedInstanceCore")
    profile = graph.get_resource("aws:iam/instanceProfile:InstanceProfile")
    assert profile.inputs["role"] == attachment.inputs["role"]
    assert (
        graph.get_resource(EC2_INSTANCE_RESOURCE_TYPE).inputs["iamInstanceProfile"]
        == profile.outputs["name"]
    )


def test_an_instance_passes_the_web_from_the_private_subnets_only(build: Build) -> None:
    graph = build_nat_instances_graph(build)
    ingress = graph.list_resources("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    egress = graph.list_resources("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    for rules, cidr in ((ingress, "10.0.0.0/17"), (egress, "0.0.0.0/0")):
        assert {
            (r.inputs["cidrIpv4"], r.inputs["fromPort"], r.inputs["toPort"]) for r in rules
        } == {
            (cidr, 80, 80),
            (cidr, 443, 443),
        }
    group = graph.get_resource("aws:ec2/securityGroup:SecurityGroup").id
    assert {r.inputs["securityGroupId"] for r in [*ingress, *egress]} == {group}
    assert graph.get_resource(EC2_INSTANCE_RESOURCE_TYPE).inputs["vpcSecurityGroupIds"] == [group]


def test_the_script_masks_only_what_leaves_the_vpc_and_comes_back_at_each_boot(
    build: Build,
) -> None:
    script = (
        build_nat_instances_graph(build).get_resource(EC2_INSTANCE_RESOURCE_TYPE).inputs["userData"]
    )
    assert "-s 10.0.0.0/17 ! -d 10.0.0.0/16" in script
    assert "systemctl enable --now nat.service" in script
    assert "net.ipv4.ip_forward = 1" in script
    assert len(script) <= 16384  # EC2's limit
    assert not any(fetcher in script for fetcher in ("dnf ", "yum ", "curl "))


def test_the_script_is_valid_shell_and_finds_the_interface(build: Build) -> None:
    script = (
        build_nat_instances_graph(build).get_resource(EC2_INSTANCE_RESOURCE_TYPE).inputs["userData"]
    )
    bash = shutil.which("bash")
    assert bash is not None
    inner = script.split("cat >/usr/local/sbin/nat <<'END'\n")[1].split("\nEND\n")[0]
    for text in (script, inner):
        subprocess.run([bash, "-n"], input=text, text=True, check=True)
    finder = next(line for line in inner.splitlines() if line.startswith("out="))
    fake = "ip() { echo 'default via 10.0.128.1 dev ens5 proto dhcp src 10.0.128.9 metric 512'; }"
    process = subprocess.run(
        [bash, "-c", f'{fake}\n{finder}\necho "$out"'], text=True, capture_output=True, check=True
    )
    assert process.stdout == "ens5\n"


def test_without_outbound_traffic_there_is_no_nat(build: Build) -> None:
    graph = build_nat_graph(build, build_settings({"compute": "none"}))
    assert [r.type for r in graph] == ["bulwark:index:Nat"]
