"""Cases of the rules of policy/rules/exposure.py: inputs alone."""

from typing import Final

from tests.policy.cases.model import (
    DATABASE_TYPE,
    EC2_INSTANCE_RESOURCE_TYPE,
    INGRESS_RULE_TYPE,
    LAUNCH_TEMPLATE_TYPE,
    NETWORK_ACL_TYPE,
    PUBLIC_ACCESS_BLOCK_TYPE,
    RuleCase,
    build_acl_entry,
    build_flag_case,
    build_ingress_rule,
)

EXPOSURE_CASES: Final[dict[str, RuleCase]] = {
    "database-port": RuleCase(
        DATABASE_TYPE,
        {"port": 5433},
        {"port is 5432, must be another port than 5432": {"port": 5432}},
    ),
    "bucket-not-public": RuleCase(
        PUBLIC_ACCESS_BLOCK_TYPE,
        {
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        {
            "blockPublicPolicy is false": {
                "blockPublicAcls": True,
                "blockPublicPolicy": False,
                "ignorePublicAcls": True,
                "restrictPublicBuckets": True,
            },
            "blockPublicAcls is not set": {},
        },
    ),
    "bucket-acl-off": RuleCase(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule.objectOwnership is 'ObjectWriter'": {"rule": {"objectOwnership": "ObjectWriter"}}},
    ),
    "database-not-public": build_flag_case(
        DATABASE_TYPE, "publiclyAccessible", False, may_be_unset=True
    ),
    "world-only-to-balancer": RuleCase(
        INGRESS_RULE_TYPE,
        build_ingress_rule(443, 443),
        {
            "fromPort is 443": build_ingress_rule(443, 443),
            "fromPort is 22": build_ingress_rule(22, 22),
            "fromPort is 0 to 65535": {"ipProtocol": "-1", "cidrIpv6": "::/0"},
        },
        name="alb-public-443",
        bad_name="database-open",
    ),
    "database-clients-private": RuleCase(
        INGRESS_RULE_TYPE,
        build_ingress_rule(5433, 5433, "10.20.0.0/16"),
        {
            "cidrIpv4 is 203.0.113.0/24": build_ingress_rule(5433, 5433, "203.0.113.0/24"),
            "cidrIpv4 is 10.0.0.0/7": build_ingress_rule(5433, 5433, "10.0.0.0/7"),
            "cidrIpv4 is 2001:db8::/32": {"ipProtocol": "-1", "cidrIpv6": "2001:db8::/32"},
        },
        name="database-clients-10.20.0.0/16",
        bad_name="database-clients",
    ),
    "default-group-empty": RuleCase(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        {"ingress": [], "egress": []},
        {"ingress is ": {"ingress": [{"protocol": "-1", "self": True}], "egress": []}},
    ),
    "no-risky-ports": RuleCase(
        INGRESS_RULE_TYPE,
        build_ingress_rule(5433, 5433, "10.0.0.0/16"),
        {"fromPort is 5000 to 6000": build_ingress_rule(5000, 6000, "10.0.0.0/16")},
    ),
    "acl-closed": RuleCase(
        NETWORK_ACL_TYPE,
        {
            "ingress": [
                build_acl_entry(100, 22, "deny"),
                build_acl_entry(110, 22, "allow"),
                build_acl_entry(120, 443, "allow"),
            ]
        },
        {
            "ingress is open to the world on 22": {"ingress": [build_acl_entry(110, 22, "allow")]},
            "ingress is open to the world on 3389": {
                "ingress": [build_acl_entry(120, 3389, "deny"), build_acl_entry(110, 3389, "allow")]
            },
        },
    ),
    "subnet-no-public-ip": build_flag_case(
        "aws:ec2/subnet:Subnet", "mapPublicIpOnLaunch", False, may_be_unset=True
    ),
    "instance-no-public-ip": build_flag_case(
        EC2_INSTANCE_RESOURCE_TYPE, "associatePublicIpAddress", False, may_be_unset=True
    ),
    "template-no-public-ip": RuleCase(
        LAUNCH_TEMPLATE_TYPE,
        {"networkInterfaces": [{"associatePublicIpAddress": "false"}]},
        {
            "networkInterfaces.0.associatePublicIpAddress is 'true'": {
                "networkInterfaces": [{"associatePublicIpAddress": "true"}]
            }
        },
    ),
    "service-no-public-ip": RuleCase(
        "aws:ecs/service:Service",
        {"networkConfiguration": {"assignPublicIp": False}},
        {
            "networkConfiguration.assignPublicIp is true": {
                "networkConfiguration": {"assignPublicIp": True}
            }
        },
    ),
}
