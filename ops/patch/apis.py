"""The calls of Patch Manager that checks and plans read by, and the states of a patch."""

from typing import Final

PATCH_STATES_API: Final = "ssm.describe_instance_patch_states"
INSTANCE_PATCHES_API: Final = "ssm.describe_instance_patches"
INSTANCE_INFORMATION_API: Final = "ssm.describe_instance_information"
AVAILABLE_PATCHES_API: Final = "ssm.describe_available_patches"
# Instance ids in one call (API reference, DescribeInstancePatchStates and
# DescribeInstanceInformation).
INSTANCES_PER_READ: Final = 50
# States of a patch that is not in effect (API reference, PatchComplianceData).
MISSING_STATES: Final = ("Missing", "Failed")
PENDING_REBOOT_STATE: Final = "InstalledPendingReboot"
OPEN_STATES: Final = (*MISSING_STATES, PENDING_REBOOT_STATE)
SCAN_COMMAND: Final = "ops patch scan"
APPLY_COMMAND_LINE: Final = "ops patch apply"
AMI_COMMAND: Final = "ops fleet ami"
IN_PLACE_COMMAND: Final = "ops patch apply --in-place"
