"""Facts of the rotation of passwords."""

from typing import Final

from components.facts.billing import build_usage_lister
from components.facts.model import ASSUMPTION, ChangeEffect, ResourceFact

FACTS: Final = (
    ResourceFact(
        type="aws:lambda/function:Function",
        list_charges=build_usage_lister("invocations", "lambda"),
        removal=ChangeEffect(
            "its calls fail meanwhile: a rotation, or a hook", "seconds", ASSUMPTION
        ),
        is_taggable=True,
    ),
    ResourceFact(type="aws:lambda/permission:Permission"),
    ResourceFact(type="aws:secretsmanager/secretRotation:SecretRotation"),
)
