"""Roles, policies and instance profiles."""

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)

ENTRIES: EntryTable = {
    "aws:iam/role:Role": ResourceEntry(
        EntryCall(
            "iam.create_role",
            inputs=REMAINING_INPUTS,
            rename={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"},
        ),
        id="out.Role.RoleName",
        naming=PhysicalNaming(max_length=64),
        ignored_inputs={"forceDetachPolicies": "it is for the deletion"},
        later_calls=(
            EntryCall(
                "iam.put_role_policy",
                {"RoleName": "id", "PolicyName": "item.name", "PolicyDocument": "item.policy"},
                item_source="in.inlinePolicies",
            ),
            EntryCall(
                "iam.attach_role_policy",
                {"RoleName": "id", "PolicyArn": "item"},
                item_source="in.managedPolicyArns",
            ),
        ),
        outputs={
            "arn": "out.Role.Arn",
            "uniqueId": "out.Role.RoleId",
            "createDate": "out.Role.CreateDate",
        },
        find_call=EntryCall("iam.get_role", {"RoleName": "id"}),
        find_result="out.Role",
    ),
    "aws:iam/rolePolicy:RolePolicy": ResourceEntry(
        EntryCall(
            "iam.put_role_policy",
            {"RoleName": "in.role", "PolicyName": "in.name", "PolicyDocument": "in.policy"},
        ),
        id="${in.role}:${in.name}",
        naming=PhysicalNaming(max_length=128),
        find_call=EntryCall(
            "iam.get_role_policy", {"RoleName": "in.role", "PolicyName": "in.name"}
        ),
        find_result="out.PolicyDocument",
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ResourceEntry(
        EntryCall("iam.attach_role_policy", {"RoleName": "in.role", "PolicyArn": "in.policyArn"}),
        id="${in.role}/${in.policyArn}",
        find_call=EntryCall("iam.list_attached_role_policies", {"RoleName": "in.role"}),
        find_result="among(out.AttachedPolicies, 'PolicyArn', [in.policyArn])",
    ),
    "aws:iam/policy:Policy": ResourceEntry(
        EntryCall(
            "iam.create_policy",
            inputs=REMAINING_INPUTS,
            rename={"name": "PolicyName", "policy": "PolicyDocument"},
        ),
        id="out.Policy.Arn",
        naming=PhysicalNaming(max_length=128),
        outputs={
            "arn": "out.Policy.Arn",
            "policyId": "out.Policy.PolicyId",
            "attachmentCount": "out.Policy.AttachmentCount",
        },
        find_call=EntryCall("iam.get_policy", {"PolicyArn": "id"}),
        find_result="out.Policy",
    ),
    "aws:iam/instanceProfile:InstanceProfile": ResourceEntry(
        EntryCall(
            "iam.create_instance_profile",
            inputs=REMAINING_INPUTS,
            rename={"name": "InstanceProfileName"},
        ),
        id="out.InstanceProfile.InstanceProfileName",
        naming=PhysicalNaming(max_length=128),
        later_calls=(
            EntryCall(
                "iam.add_role_to_instance_profile",
                {"InstanceProfileName": "id", "RoleName": "in.role"},
                condition="in.role",
            ),
        ),
        outputs={
            "arn": "out.InstanceProfile.Arn",
            "uniqueId": "out.InstanceProfile.InstanceProfileId",
            "createDate": "out.InstanceProfile.CreateDate",
        },
        find_call=EntryCall("iam.get_instance_profile", {"InstanceProfileName": "id"}),
        find_result="out.InstanceProfile",
    ),
}
