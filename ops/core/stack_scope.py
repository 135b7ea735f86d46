"""Where a stack is, and the keys that are its own."""

from ops.outputs import StackPart


def list_stack_regions(stack: StackPart) -> tuple[str, ...]:
    """The stack's region, then the one that its backups are copied to, if there is one."""
    regions = (stack.region, stack.recovery_region)
    return tuple(dict.fromkeys(region for region in regions if region is not None))


def list_stack_keys(stack: StackPart) -> dict[str, str]:
    """The ARNs of the stack's own KMS keys by what they are for; none if AWS's keys are used."""
    keys = {
        "data": stack.data_key_arn,
        "logs": stack.logs_key_arn,
        "recovery": stack.recovery_key_arn,
    }
    return {name: arn for name, arn in keys.items() if arn is not None}
