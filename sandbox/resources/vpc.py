"""Security groups and their rules, network ACLs, and what a VPC has of both by default."""

from typing import Any, Final

from sandbox.resources.ec2 import TAG_CALL, build_ec2_arn, build_vpc_filters
from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryInputs,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)
from sandbox.resources.type_conversion import require_only_inputs

_DESCRIBE_GROUP: Final = EntryCall("ec2.describe_security_groups", {"GroupIds": ["id"]})
_ALLOW_ALL: Final = [{"IpProtocol": "'-1'", "IpRanges": [{"CidrIp": "'0.0.0.0/0'"}]}]
# https://www.iana.org/assignments/protocol-numbers
_PROTOCOL_NUMBERS: Final = {"all": "-1", "icmp": "1", "tcp": "6", "udp": "17", "icmpv6": "58"}


def _prepare_inline_rules(inputs: EntryInputs) -> EntryInputs:
    """Rules inside a security group, as IpPermissions; none at all where the list is empty."""
    for direction in ("ingress", "egress"):
        rules = [_build_permission(rule) for rule in inputs.pop(direction, None) or []]
        inputs[f"{direction}Rules"] = rules or None
    inputs.setdefault("description", "Managed by Pulumi")
    inputs.pop("revokeRulesOnDelete", None)
    return inputs


def _build_permission(rule: dict[str, Any]) -> dict[str, Any]:
    end_names = ("cidrBlocks", "securityGroups", "prefixListIds")
    require_only_inputs(rule, "description", "protocol", "fromPort", "toPort", *end_names)
    description = {"Description": rule["description"]} if rule.get("description") else {}
    ranges = [{"CidrIp": cidr, **description} for cidr in rule.get("cidrBlocks") or []]
    groups = [{"GroupId": group_id, **description} for group_id in rule.get("securityGroups") or []]
    prefix_lists = [
        {"PrefixListId": prefix_list_id, **description}
        for prefix_list_id in rule.get("prefixListIds") or []
    ]
    return {
        "IpProtocol": str(rule["protocol"]),
        "FromPort": rule["fromPort"],
        "ToPort": rule["toPort"],
        "IpRanges": ranges,
        "UserIdGroupPairs": groups,
        "PrefixListIds": prefix_lists,
    }


def _prepare_rule(inputs: EntryInputs) -> EntryInputs:
    """The one source or destination of a rule that is a resource of its own."""
    description_field = (
        {"Description": description} if (description := inputs.pop("description", None)) else {}
    )
    permission: dict[str, Any] = {"IpProtocol": str(inputs.pop("ipProtocol"))}
    for port, name in (("fromPort", "FromPort"), ("toPort", "ToPort")):
        if (value := inputs.pop(port, None)) is not None:
            permission[name] = value
    for name, (list_name, member_name) in _RULE_ENDS.items():
        if (value := inputs.pop(name, None)) is not None:
            permission[list_name] = [{member_name: value, **description_field}]
    return {**inputs, "permission": permission}


# The end of a rule, by its input: list and member of an IpPermission.
_RULE_ENDS: Final = {
    "cidrIpv4": ("IpRanges", "CidrIp"),
    "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "prefixListId": ("PrefixListIds", "PrefixListId"),
}


def _build_rule_entry(direction: str) -> ResourceEntry:
    return ResourceEntry(
        EntryCall(
            f"ec2.authorize_security_group_{direction}",
            {
                "GroupId": "in.securityGroupId",
                "IpPermissions": ["in.permission"],
                "TagSpecifications": [
                    {"ResourceType": "'security-group-rule'", "Tags": "pairs(in.tags)"}
                ],
            },
            inputs=REMAINING_INPUTS,
        ),
        id="out.SecurityGroupRules[0].SecurityGroupRuleId",
        prepare=_prepare_rule,
        outputs={
            "securityGroupRuleId": "id",
            "arn": build_ec2_arn("security-group-rule"),
        },
        find_call=EntryCall("ec2.describe_security_group_rules", {"SecurityGroupRuleIds": ["id"]}),
        find_result="out.SecurityGroupRules",
    )


def _prepare_acl(inputs: EntryInputs) -> EntryInputs:
    """Entries inside a network ACL, as CreateNetworkAclEntry takes them."""
    rules = [_build_acl_entry(rule, egress=False) for rule in inputs.pop("ingress", None) or []]
    rules += [_build_acl_entry(rule, egress=True) for rule in inputs.pop("egress", None) or []]
    return {**inputs, "rules": rules}


def _build_acl_entry(rule: dict[str, Any], *, egress: bool) -> dict[str, Any]:
    end_names = ("cidrBlock", "ipv6CidrBlock", "fromPort", "toPort", "icmpType", "icmpCode")
    require_only_inputs(rule, "protocol", "ruleNo", "action", *end_names)
    protocol = str(rule["protocol"]).lower()
    entry: dict[str, Any] = {
        "RuleNumber": rule["ruleNo"],
        "Protocol": _PROTOCOL_NUMBERS.get(protocol, protocol),
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


def _build_entry_params(acl: str, source: str) -> dict[str, Any]:
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
    return {"NetworkAclId": acl, **{name: f"{source}.{name}" for name in names}}


def _build_association_calls(acl: str) -> tuple[EntryCall, EntryCall]:
    """Moves the associations of subnets from the ACL that they have to another."""
    subnet_filters = [{"Name": "'association.subnet-id'", "Values": "in.subnetIds"}]
    return (
        EntryCall(
            "ec2.describe_network_acls",
            {"Filters": subnet_filters},
            condition="in.subnetIds[0]",
            result_name="acls",
        ),
        EntryCall(
            "ec2.replace_network_acl_association",
            {"AssociationId": "item.NetworkAclAssociationId", "NetworkAclId": acl},
            condition="in.subnetIds[0]",
            item_source="among(acls.NetworkAcls[].Associations[], 'SubnetId', in.subnetIds)",
            result_name="moved",
        ),
    )


_DESCRIBE_ACL: Final = EntryCall("ec2.describe_network_acls", {"NetworkAclIds": ["id"]})

ENTRIES: EntryTable = {
    "aws:ec2/securityGroup:SecurityGroup": ResourceEntry(
        EntryCall(
            "ec2.create_security_group",
            {"Description": "in.description"},
            inputs=REMAINING_INPUTS,
            rename={"name": "GroupName"},
        ),
        id="out.GroupId",
        tag_resource_type="security-group",
        naming=PhysicalNaming(),
        prepare=_prepare_inline_rules,
        later_calls=(
            # A new group lets everything out; the provider takes that away before anything else.
            EntryCall(
                "ec2.revoke_security_group_egress", {"GroupId": "id", "IpPermissions": _ALLOW_ALL}
            ),
            EntryCall(
                "ec2.authorize_security_group_ingress",
                {"GroupId": "id", "IpPermissions": "in.ingressRules"},
                condition="in.ingressRules",
            ),
            EntryCall(
                "ec2.authorize_security_group_egress",
                {"GroupId": "id", "IpPermissions": "in.egressRules"},
                condition="in.egressRules",
            ),
        ),
        outputs={"arn": build_ec2_arn("security-group"), "ownerId": "account"},
        find_call=_DESCRIBE_GROUP,
        find_result="out.SecurityGroups",
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _build_rule_entry("ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _build_rule_entry("egress"),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": ResourceEntry(
        EntryCall(
            "ec2.describe_security_groups",
            {"Filters": build_vpc_filters("in.vpcId", group_name="'default'")},
        ),
        id="out.SecurityGroups[0].GroupId",
        description="out.SecurityGroups[0]",
        prepare=_prepare_inline_rules,
        ignored_inputs={"description": "it has AWS's own"},
        later_calls=(
            EntryCall(
                "ec2.revoke_security_group_ingress",
                {"GroupId": "id", "IpPermissions": "out.SecurityGroups[0].IpPermissions"},
                condition="out.SecurityGroups[0].IpPermissions[0]",
            ),
            EntryCall(
                "ec2.revoke_security_group_egress",
                {"GroupId": "id", "IpPermissions": "out.SecurityGroups[0].IpPermissionsEgress"},
                condition="out.SecurityGroups[0].IpPermissionsEgress[0]",
            ),
            EntryCall(
                "ec2.authorize_security_group_ingress",
                {"GroupId": "id", "IpPermissions": "in.ingressRules"},
                condition="in.ingressRules",
            ),
            EntryCall(
                "ec2.authorize_security_group_egress",
                {"GroupId": "id", "IpPermissions": "in.egressRules"},
                condition="in.egressRules",
            ),
            TAG_CALL,
        ),
        outputs={"arn": build_ec2_arn("security-group"), "name": "'default'"},
        find_call=_DESCRIBE_GROUP,
        find_result="out.SecurityGroups",
    ),
    "aws:ec2/networkAcl:NetworkAcl": ResourceEntry(
        "ec2.create_network_acl",
        id="out.NetworkAcl.NetworkAclId",
        tag_resource_type="network-acl",
        description="out.NetworkAcl",
        prepare=_prepare_acl,
        later_calls=(
            EntryCall(
                "ec2.create_network_acl_entry",
                _build_entry_params("id", "item"),
                item_source="in.rules",
            ),
            *_build_association_calls("id"),
        ),
        outputs={"arn": build_ec2_arn("network-acl")},
        find_call=_DESCRIBE_ACL,
        find_result="out.NetworkAcls",
    ),
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": ResourceEntry(
        EntryCall("ec2.describe_network_acls", {"NetworkAclIds": ["in.defaultNetworkAclId"]}),
        id="in.defaultNetworkAclId",
        description="out.NetworkAcls[0]",
        prepare=_prepare_acl,
        later_calls=(
            # 32767 is the entry that denies the rest; nobody can delete it.
            EntryCall(
                "ec2.delete_network_acl_entry",
                {"NetworkAclId": "id", "RuleNumber": "item.RuleNumber", "Egress": "item.Egress"},
                item_source="out.NetworkAcls[0].Entries[?RuleNumber < `32767`]",
            ),
            EntryCall(
                "ec2.create_network_acl_entry",
                _build_entry_params("id", "item"),
                item_source="in.rules",
            ),
            *_build_association_calls("id"),
            TAG_CALL,
        ),
        outputs={"arn": build_ec2_arn("network-acl")},
        find_call=_DESCRIBE_ACL,
        find_result="out.NetworkAcls",
    ),
}
