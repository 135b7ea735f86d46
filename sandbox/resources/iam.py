"""Roles, policies and instance profiles."""

from sandbox.resources.entry import REST, Call, Entries, Entry, Naming

ENTRIES: Entries = {
    "aws:iam/role:Role": Entry(
        Call(
            "iam.create_role",
            fit=REST,
            rename={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"},
        ),
        id="out.Role.RoleName",
        naming=Naming(limit=64),
        left={"forceDetachPolicies": "it is for the deletion"},
        then=(
            Call(
                "iam.put_role_policy",
                {"RoleName": "id", "PolicyName": "item.name", "PolicyDocument": "item.policy"},
                each="in.inlinePolicies",
            ),
            Call(
                "iam.attach_role_policy",
                {"RoleName": "id", "PolicyArn": "item"},
                each="in.managedPolicyArns",
            ),
        ),
        outputs={
            "arn": "out.Role.Arn",
            "uniqueId": "out.Role.RoleId",
            "createDate": "out.Role.CreateDate",
        },
        find=Call("iam.get_role", {"RoleName": "id"}),
        found="out.Role",
    ),
    "aws:iam/rolePolicy:RolePolicy": Entry(
        Call(
            "iam.put_role_policy",
            {"RoleName": "in.role", "PolicyName": "in.name", "PolicyDocument": "in.policy"},
        ),
        id="${in.role}:${in.name}",
        naming=Naming(limit=128),
        find=Call("iam.get_role_policy", {"RoleName": "in.role", "PolicyName": "in.name"}),
        found="out.PolicyDocument",
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Entry(
        Call("iam.attach_role_policy", {"RoleName": "in.role", "PolicyArn": "in.policyArn"}),
        id="${in.role}/${in.policyArn}",
        find=Call("iam.list_attached_role_policies", {"RoleName": "in.role"}),
        found="among(out.AttachedPolicies, 'PolicyArn', [in.policyArn])",
    ),
    "aws:iam/policy:Policy": Entry(
        Call(
            "iam.create_policy",
            fit=REST,
            rename={"name": "PolicyName", "policy": "PolicyDocument"},
        ),
        id="out.Policy.Arn",
        naming=Naming(limit=128),
        outputs={
            "arn": "out.Policy.Arn",
            "policyId": "out.Policy.PolicyId",
            "attachmentCount": "out.Policy.AttachmentCount",
        },
        find=Call("iam.get_policy", {"PolicyArn": "id"}),
        found="out.Policy",
    ),
    "aws:iam/instanceProfile:InstanceProfile": Entry(
        Call("iam.create_instance_profile", fit=REST, rename={"name": "InstanceProfileName"}),
        id="out.InstanceProfile.InstanceProfileName",
        naming=Naming(limit=128),
        then=(
            Call(
                "iam.add_role_to_instance_profile",
                {"InstanceProfileName": "id", "RoleName": "in.role"},
                when="in.role",
            ),
        ),
        outputs={
            "arn": "out.InstanceProfile.Arn",
            "uniqueId": "out.InstanceProfile.InstanceProfileId",
            "createDate": "out.InstanceProfile.CreateDate",
        },
        find=Call("iam.get_instance_profile", {"InstanceProfileName": "id"}),
        found="out.InstanceProfile",
    ),
}
