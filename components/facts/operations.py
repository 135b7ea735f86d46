"""Facts of the parameters that hold the outputs and the fleet image."""

from typing import Final

from components.facts.model import ChangeEffect, Encryption, ResourceFact

FACTS: Final = (
    ResourceFact(
        type="aws:ssm/parameter:Parameter",
        harmless=("tier", "type"),
        updates={
            "value": ChangeEffect(
                "whatever reads it gets another value",
                "none if the new value is right",
                "Systems Manager User Guide, Parameter Store",
            ),
        },
        removal=ChangeEffect(
            "whatever reads it fails",
            "until it is created again",
            "Systems Manager User Guide, Parameter Store",
        ),
        encryption=Encryption(
            rule="parameter-secure",
            description="A parameter that is named as a secret is a SecureString.",
        ),
        is_taggable=True,
    ),
)
