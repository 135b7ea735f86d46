"""Facts of the parameters that hold the outputs and the fleet image."""

from typing import Final

from components.facts.model import Encryption, ResourceFact

FACTS: Final = (
    ResourceFact(
        type="aws:ssm/parameter:Parameter",
        encryption=Encryption(
            rule="parameter-secure",
            description="A parameter that is named as a secret is a SecureString.",
        ),
        is_taggable=True,
    ),
)
