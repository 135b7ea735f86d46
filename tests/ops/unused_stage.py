"""A stage with things on it that cost and serve nothing, one of a kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.facts.units import DAY_SECONDS
from tests.ops.stage import REGION, Stage

STACK_TAGS: Final = {"Project": "bulwark", "Environment": "test", "Component": "network"}
OTHER_TAGS: Final = {"Project": "bulwark", "Environment": "staging"}
Tags = Mapping[str, str]


def build_tag_list(tags: Tags) -> list[dict[str, str]]:
    """Tags as most of AWS's calls take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _build_tag_specification(kind: str, tags: Tags) -> dict[str, Any]:
    if not tags:
        return {}
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": build_tag_list(tags)}]}


def put_volume(stage: Stage, tags: Tags, region: str = REGION) -> str:
    """A volume of 100 GiB that is attached to nothing."""
    volume = stage.client("ec2", region).create_volume(
        AvailabilityZone=f"{region}a",
        Size=100,
        VolumeType="gp3",
        **_build_tag_specification("volume", tags),
    )
    return str(volume["VolumeId"])


def put_disk_snapshots(stage: Stage, tags: Tags, region: str = REGION) -> str:
    """Two snapshots of one volume, of which the first is beyond every plan."""
    ec2 = stage.client("ec2", region)
    volume = put_volume(stage, {}, region)
    old = ec2.create_snapshot(VolumeId=volume, **_build_tag_specification("snapshot", tags))
    ec2.create_snapshot(VolumeId=volume)
    return str(old["SnapshotId"])


def put_instance(stage: Stage, tags: Tags, region: str = REGION) -> str:
    """An instance that runs, with a disk of 8 GiB."""
    ec2 = stage.client("ec2", region)
    image = ec2.register_image(Name=f"base-{len(tags)}-{region}", Architecture="arm64")["ImageId"]
    instance = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, **_build_tag_specification("instance", tags)
    )
    return str(instance["Instances"][0]["InstanceId"])


def put_machine_image(stage: Stage, tags: Tags, region: str = REGION) -> str:
    """An image that nothing starts, of an instance that is gone."""
    ec2 = stage.client("ec2", region)
    instance = put_instance(stage, {}, region)
    image = str(ec2.create_image(InstanceId=instance, Name="golden")["ImageId"])
    if tags:
        ec2.create_tags(Resources=[image], Tags=build_tag_list(tags))
    return image


def put_stopped_instance(stage: Stage, tags: Tags, region: str = REGION) -> str:
    """An instance that was stopped."""
    instance = put_instance(stage, tags, region)
    stage.client("ec2", region).stop_instances(InstanceIds=[instance])
    return instance


def put_address(stage: Stage, tags: Tags, region: str = REGION) -> str:
    """An address that belongs to nothing."""
    address = stage.client("ec2", region).allocate_address(
        Domain="vpc", **_build_tag_specification("elastic-ip", tags)
    )
    return str(address["AllocationId"])


def put_nat_gateway(stage: Stage, tags: Tags, region: str = REGION) -> str:
    """A gateway through which no byte went."""
    ec2 = stage.client("ec2", region)
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    address = put_address(stage, tags, region)
    gateway = ec2.create_nat_gateway(
        SubnetId=subnet, AllocationId=address, **_build_tag_specification("natgateway", tags)
    )
    return str(gateway["NatGateway"]["NatGatewayId"])


def put_load_balancer(stage: Stage, tags: Tags, region: str = REGION) -> str:
    """A load balancer without any listener or target."""
    ec2 = stage.client("ec2", region)
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.8.{n}.0/24", AvailabilityZone=f"{region}{zone}"
        )["Subnet"]["SubnetId"]
        for n, zone in enumerate("ab")
    ]
    name = "forgotten"
    stage.client("elbv2", region).create_load_balancer(
        Name=name, Subnets=subnets, **({"Tags": build_tag_list(tags)} if tags else {})
    )
    return name


def put_interface(stage: Stage, tags: Tags, region: str = REGION) -> str:
    """A network interface that is attached to nothing."""
    ec2 = stage.client("ec2", region)
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.0.0/24")["Subnet"]["SubnetId"]
    interface = ec2.create_network_interface(
        SubnetId=subnet,
        Description="of a test of somebody",
        **_build_tag_specification("network-interface", tags),
    )
    return str(interface["NetworkInterface"]["NetworkInterfaceId"])


def put_classic_balancer(stage: Stage, tags: Tags, region: str = REGION) -> str:
    """A Classic Load Balancer without instances."""
    name = "forgotten-classic"
    stage.client("elb", region).create_load_balancer(
        LoadBalancerName=name,
        Listeners=[{"Protocol": "tcp", "LoadBalancerPort": 80, "InstancePort": 8080}],
        AvailabilityZones=[f"{region}a"],
        **({"Tags": build_tag_list(tags)} if tags else {}),
    )
    return name


def put_key(stage: Stage, tags: Tags, region: str = REGION) -> str:
    """A key that was used once."""
    kms = stage.client("kms", region)
    key_tags = [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
    name = str(kms.create_key(Description="of a test", Tags=key_tags)["KeyMetadata"]["KeyId"])
    kms.encrypt(KeyId=name, Plaintext=b"x")
    return name


def put_log_group(stage: Stage, tags: Tags, region: str = REGION) -> str:
    """A log group without retention."""
    name = "/forgotten/lines"
    stage.client("logs", region).create_log_group(
        logGroupName=name, **({"tags": dict(tags)} if tags else {})
    )
    return name


def put_secret(stage: Stage, tags: Tags, region: str = REGION) -> str:
    """A secret that nobody reads."""
    name = "forgotten-key"
    stage.client("secretsmanager", region).create_secret(
        Name=name, SecretString="x", **({"Tags": build_tag_list(tags)} if tags else {})
    )
    return name


def put_database_snapshots(stage: Stage, tags: Tags, region: str = REGION) -> str:
    """Two snapshots that a person made of one instance."""
    rds = stage.client("rds", region)
    rds.create_db_instance(
        DBInstanceIdentifier="legacy",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        AllocatedStorage=50,
        MasterUsername="somebody",
        MasterUserPassword="a-password-of-the-test",
    )
    stage.clock.sleep(3600)
    for name in ("legacy-before", "legacy-after"):
        rds.create_db_snapshot(
            DBInstanceIdentifier="legacy",
            DBSnapshotIdentifier=name,
            **({"Tags": build_tag_list(tags)} if tags else {}),
        )
        stage.clock.sleep(DAY_SECONDS)
    return "legacy-before"


def put_repository(stage: Stage, tags: Tags, region: str = REGION) -> str:
    """A repository without a lifecycle policy, with an image."""
    ecr = stage.client("ecr", region)
    ecr.create_repository(
        repositoryName="forgotten", **({"tags": build_tag_list(tags)} if tags else {})
    )
    ecr.put_image(repositoryName="forgotten", imageManifest=_IMAGE_MANIFEST, imageTag="v1")
    return "forgotten"


_IMAGE_MANIFEST: Final = (
    '{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",'
    ' "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 10,'
    ' "digest": "sha256:aa"}, "layers": []}'
)


@dataclass(frozen=True)
class UnusedCase:
    """One kind: the key of its check, how it is put, and its price a month; None is not fixed."""

    key: str
    put: Callable[[Stage, Tags], str]
    monthly_usd: float | None
    is_program_made: bool = False
    is_found_at_once: bool = False


CASES: Final = (
    UnusedCase("unused-volumes", put_volume, 8.0),
    UnusedCase("unused-disk-snapshots", put_disk_snapshots, 5.0),
    UnusedCase("unused-machine-images", put_machine_image, None),
    UnusedCase("stopped-instances", put_stopped_instance, None),
    UnusedCase("unused-addresses", put_address, 3.65, is_program_made=True, is_found_at_once=True),
    UnusedCase("idle-nat-gateways", put_nat_gateway, 32.85, is_program_made=True),
    UnusedCase("unused-load-balancers", put_load_balancer, 16.43, is_program_made=True),
    UnusedCase(
        "unused-network-interfaces",
        put_interface,
        None,
        is_program_made=True,
        is_found_at_once=True,
    ),
    UnusedCase("unused-classic-balancers", put_classic_balancer, 18.25, is_program_made=True),
    UnusedCase("unused-keys", put_key, 1.0, is_program_made=True),
    UnusedCase("endless-log-groups", put_log_group, 0.0, is_found_at_once=True),
    UnusedCase("unread-secrets", put_secret, 0.4, is_program_made=True),
    UnusedCase("unused-database-snapshots", put_database_snapshots, 4.75),
    UnusedCase("endless-repositories", put_repository, None),
)
