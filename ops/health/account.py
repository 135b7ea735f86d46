"""Whose credentials these are."""

from ops.core.checks import Check, Facts, Finding, Looking, known, read

WHO = "sts.get_caller_identity"


def credentials(facts: Facts) -> Looking:
    """The account of the credentials is the stack's: else nothing else can be believed."""
    (answer,) = yield [read(WHO, "")]
    found, wanted = known(answer)[0]["Account"], facts.outputs.stack.account
    if found == wanted:
        return [Finding("ok", "account", "credentials", f"of account {found}")]
    evidence = f"of account {found}, the stack is in {wanted}"
    return [Finding("failing", "account", "credentials", evidence, "aws sts get-caller-identity")]


CHECKS = (Check("account", "credentials", credentials, (WHO,)),)
