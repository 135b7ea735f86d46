"""Security groups and their rules, network ACLs, and what a VPC has of both by default."""

from typing import Any, Final

from sandbox.resources.ec2 import TAGS, arn, of_vpc
from sandbox.resources.entry import REST, Call, Entries, Entry, Inputs, Naming
from sandbox.resources.type_conversion import nothing_but

_DESCRIBED: Final = Call("ec2.describe_security_groups", {"GroupIds": ["id"]})
_EVERYTHING: Final = [{"IpProtocol": "'-1'", "IpRanges": [{"CidrIp": "'0.0.0.0/0'"}]}]
# https://www.iana.org/assignments/protocol-numbers
_PROTOCOLS: Final = {"all": "-1", "icmp": "1", "tcp": "6", "udp": "17", "icmpv6": "58"}


def _inline_rules(inputs: Inputs) -> Inputs:
    """Rules inside a security group, as IpPermissions; none at all where the list is empty."""
    for way in ("ingress", "egress"):
        rules = [_permission(rule) for rule in inputs.pop(way, None) or []]
        inputs[f"{way}Rules"] = rules or None
    inputs.setdefault("description", "Managed by Pulumi")
    inputs.pop("revokeRulesOnDelete", None)
    return inputs


def _permission(rule: dict[str, Any]) -> dict[str, Any]:
    ends = ("cidrBlocks", "securityGroups", "prefixListIds")
    nothing_but(rule, "description", "protocol", "fromPort", "toPort", *ends)
    description = {"Description": rule["description"]} if rule.get("description") else {}
    ranges = [{"CidrIp": c, **description} for c in rule.get("cidrBlocks") or []]
    groups = [{"GroupId": g, **description} for g in rule.get("securityGroups") or []]
    lists = [{"PrefixListId": p, **description} for p in rule.get("prefixListIds") or []]
    return {
        "IpProtocol": str(rule["protocol"]),
        "FromPort": rule["fromPort"],
        "ToPort": rule["toPort"],
        "IpRanges": ranges,
        "UserIdGroupPairs": groups,
        "PrefixListIds": lists,
    }


def _one_rule(inputs: Inputs) -> Inputs:
    """The one source or destination of a rule that is a resource of its own."""
    described = {"Description": d} if (d := inputs.pop("description", None)) else {}
    permission: dict[str, Any] = {"IpProtocol": str(inputs.pop("ipProtocol"))}
    for port, name in (("fromPort", "FromPort"), ("toPort", "ToPort")):
        if (value := inputs.pop(port, None)) is not None:
            permission[name] = value
    for name, (many, one) in _ENDS.items():
        if (value := inputs.pop(name, None)) is not None:
            permission[many] = [{one: value, **described}]
    return {**inputs, "permission": permission}


# The end of a rule, by its input: list and member of an IpPermission.
_ENDS: Final = {
    "cidrIpv4": ("IpRanges", "CidrIp"),
    "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "prefixListId": ("PrefixListIds", "PrefixListId"),
}


def _rule(way: str) -> Entry:
    return Entry(
        Call(
            f"ec2.authorize_security_group_{way}",
            {
                "GroupId": "in.securityGroupId",
                "IpPermissions": ["in.permission"],
                "TagSpecifications": [
                    {"ResourceType": "'security-group-rule'", "Tags": "pairs(in.tags)"}
                ],
            },
            fit=REST,
        ),
        id="out.SecurityGroupRules[0].SecurityGroupRuleId",
        prepare=_one_rule,
        outputs={
            "securityGroupRuleId": "id",
            "arn": arn("security-group-rule"),
        },
        find=Call("ec2.describe_security_group_rules", {"SecurityGroupRuleIds": ["id"]}),
        found="out.SecurityGroupRules",
    )


def _acl(inputs: Inputs) -> Inputs:
    """Entries inside a network ACL, as CreateNetworkAclEntry takes them."""
    rules = [_acl_entry(r, egress=False) for r in inputs.pop("ingress", None) or []]
    rules += [_acl_entry(r, egress=True) for r in inputs.pop("egress", None) or []]
    return {**inputs, "rules": rules}


def _acl_entry(rule: dict[str, Any], *, egress: bool) -> dict[str, Any]:
    ends = ("cidrBlock", "ipv6CidrBlock", "fromPort", "toPort", "icmpType", "icmpCode")
    nothing_but(rule, "protocol", "ruleNo", "action", *ends)
    protocol = str(rule["protocol"]).lower()
    entry: dict[str, Any] = {
        "RuleNumber": rule["ruleNo"],
        "Protocol": _PROTOCOLS.get(protocol, protocol),
        "RuleAction": rule["action"],
        "Egress": egress,
    }
    if rule.get("ipv6CidrBlock"):
        entry["Ipv6CidrBlock"] = rule["ipv6CidrBlock"]
    else:
        entry["CidrBlock"] = rule["cidrBlock"]
    if entry["Protocol"] in ("6", "17"):
        entry["PortRange"] = {"From": rule["fromPort"], "To": rule["toPort"]}
    if entry["Protocol"] in ("1", "58"):
        entry["IcmpTypeCode"] = {"Type": rule.get("icmpType", -1), "Code": rule.get("icmpCode", -1)}
    return entry


def _entry_of(acl: str, of: str) -> dict[str, Any]:
    names = (
        "RuleNumber",
        "Protocol",
        "RuleAction",
        "Egress",
        "CidrBlock",
        "Ipv6CidrBlock",
        "PortRange",
        "IcmpTypeCode",
    )
    return {"NetworkAclId": acl, **{name: f"{of}.{name}" for name in names}}


def _takes_subnets(acl: str) -> tuple[Call, Call]:
    """Moves the associations of subnets from the ACL that they have to another."""
    among = [{"Name": "'association.subnet-id'", "Values": "in.subnetIds"}]
    return (
        Call("ec2.describe_network_acls", {"Filters": among}, when="in.subnetIds[0]", keep="acls"),
        Call(
            "ec2.replace_network_acl_association",
            {"AssociationId": "item.NetworkAclAssociationId", "NetworkAclId": acl},
            when="in.subnetIds[0]",
            each="among(acls.NetworkAcls[].Associations[], 'SubnetId', in.subnetIds)",
            keep="moved",
        ),
    )


_ACL_FOUND: Final = Call("ec2.describe_network_acls", {"NetworkAclIds": ["id"]})

ENTRIES: Entries = {
    "aws:ec2/securityGroup:SecurityGroup": Entry(
        Call(
            "ec2.create_security_group",
            {"Description": "in.description"},
            fit=REST,
            rename={"name": "GroupName"},
        ),
        id="out.GroupId",
        tagged="security-group",
        naming=Naming(),
        prepare=_inline_rules,
        then=(
            # A new group lets everything out; the provider takes that away before anything else.
            Call(
                "ec2.revoke_security_group_egress", {"GroupId": "id", "IpPermissions": _EVERYTHING}
            ),
            Call(
                "ec2.authorize_security_group_ingress",
                {"GroupId": "id", "IpPermissions": "in.ingressRules"},
                when="in.ingressRules",
            ),
            Call(
                "ec2.authorize_security_group_egress",
                {"GroupId": "id", "IpPermissions": "in.egressRules"},
                when="in.egressRules",
            ),
        ),
        outputs={"arn": arn("security-group"), "ownerId": "account"},
        find=_DESCRIBED,
        found="out.SecurityGroups",
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("egress"),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Entry(
        Call(
            "ec2.describe_security_groups",
            {"Filters": of_vpc("in.vpcId", group_name="'default'")},
        ),
        id="out.SecurityGroups[0].GroupId",
        shown="out.SecurityGroups[0]",
        prepare=_inline_rules,
        left={"description": "it has AWS's own"},
        then=(
            Call(
                "ec2.revoke_security_group_ingress",
                {"GroupId": "id", "IpPermissions": "out.SecurityGroups[0].IpPermissions"},
                when="out.SecurityGroups[0].IpPermissions[0]",
            ),
            Call(
                "ec2.revoke_security_group_egress",
                {"GroupId": "id", "IpPermissions": "out.SecurityGroups[0].IpPermissionsEgress"},
                when="out.SecurityGroups[0].IpPermissionsEgress[0]",
            ),
            Call(
                "ec2.authorize_security_group_ingress",
                {"GroupId": "id", "IpPermissions": "in.ingressRules"},
                when="in.ingressRules",
            ),
            Call(
                "ec2.authorize_security_group_egress",
                {"GroupId": "id", "IpPermissions": "in.egressRules"},
                when="in.egressRules",
            ),
            TAGS,
        ),
        outputs={"arn": arn("security-group"), "name": "'default'"},
        find=_DESCRIBED,
        found="out.SecurityGroups",
    ),
    "aws:ec2/networkAcl:NetworkAcl": Entry(
        "ec2.create_network_acl",
        id="out.NetworkAcl.NetworkAclId",
        tagged="network-acl",
        shown="out.NetworkAcl",
        prepare=_acl,
        then=(
            Call("ec2.create_network_acl_entry", _entry_of("id", "item"), each="in.rules"),
            *_takes_subnets("id"),
        ),
        outputs={"arn": arn("network-acl")},
        find=_ACL_FOUND,
        found="out.NetworkAcls",
    ),
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": Entry(
        Call("ec2.describe_network_acls", {"NetworkAclIds": ["in.defaultNetworkAclId"]}),
        id="in.defaultNetworkAclId",
        shown="out.NetworkAcls[0]",
        prepare=_acl,
        then=(
            # 32767 is the entry that denies the rest; nobody can delete it.
            Call(
                "ec2.delete_network_acl_entry",
                {"NetworkAclId": "id", "RuleNumber": "item.RuleNumber", "Egress": "item.Egress"},
                each="out.NetworkAcls[0].Entries[?RuleNumber < `32767`]",
            ),
            Call("ec2.create_network_acl_entry", _entry_of("id", "item"), each="in.rules"),
            *_takes_subnets("id"),
            TAGS,
        ),
        outputs={"arn": arn("network-acl")},
        find=_ACL_FOUND,
        found="out.NetworkAcls",
    ),
}
