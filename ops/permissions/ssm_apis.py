"""What calls of Systems Manager need: parameters, Run Command, sessions, patches."""

from collections.abc import Mapping
from typing import Final

from ops.permissions.grants import (
    SESSION_DOCUMENT_CONDITION,
    STACK_INSTANCE_CONDITIONS,
    Grant,
    build_grant,
    build_unscoped_grant,
)

SSM_API_GRANTS: Final[Mapping[str, tuple[Grant, ...]]] = {
    # They have no resource (Service Authorization Reference).
    "ssm.describe_available_patches": (build_unscoped_grant("ssm:DescribeAvailablePatches"),),
    "ssm.describe_instance_information": (build_unscoped_grant("ssm:DescribeInstanceInformation"),),
    "ssm.describe_instance_patch_states": (
        build_grant(
            "ssm:DescribeInstancePatchStates", "instances", conditions=STACK_INSTANCE_CONDITIONS
        ),
    ),
    "ssm.describe_instance_patches": (
        build_grant(
            "ssm:DescribeInstancePatches", "instances", conditions=STACK_INSTANCE_CONDITIONS
        ),
    ),
    "ssm.get_command_invocation": (build_unscoped_grant("ssm:GetCommandInvocation"),),
    "ssm.get_parameter": (build_grant("ssm:GetParameter", "fleet image", "public AMIs"),),
    "ssm.get_parameters_by_path": (build_grant("ssm:GetParametersByPath", "outputs"),),
    "ssm.list_command_invocations": (build_unscoped_grant("ssm:ListCommandInvocations"),),
    "ssm.list_commands": (build_unscoped_grant("ssm:ListCommands"),),
    "ssm.put_parameter": (build_grant("ssm:PutParameter", "fleet image"),),
    "ssm.send_command": (
        build_grant("ssm:SendCommand", "shell", "patching"),
        build_grant("ssm:SendCommand", "instances", conditions=STACK_INSTANCE_CONDITIONS),
    ),
    "ssm.start_session": (
        build_grant("ssm:StartSession", "port forwarding"),
        build_grant("ssm:StartSession", "tasks", conditions=(SESSION_DOCUMENT_CONDITION,)),
        build_grant(
            "ssm:StartSession",
            "instances",
            conditions=(SESSION_DOCUMENT_CONDITION, *STACK_INSTANCE_CONDITIONS),
        ),
        build_grant("ssm:TerminateSession", "own sessions"),
    ),
}
