"""Whose credentials these are."""

from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    build_read,
    get_answer_items,
)

CALLER_IDENTITY_API = "sts.get_caller_identity"


def check_credentials(facts: CheckFacts) -> CheckRoutine:
    """The credentials are of the stack's account. If not, no other finding is about the stack."""
    (answer,) = yield [build_read(CALLER_IDENTITY_API, "")]
    account, stack_account = get_answer_items(answer)[0]["Account"], facts.outputs.stack.account
    if account == stack_account:
        return [CheckFinding("ok", "account", "credentials", f"of account {account}")]
    evidence = f"of account {account}, the stack is in {stack_account}"
    return [
        CheckFinding("failing", "account", "credentials", evidence, "aws sts get-caller-identity")
    ]
