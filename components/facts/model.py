"""What a fact about a resource type says. Plain data: nothing here imports Pulumi.

Durations are AWS's if a document states them; `source` names it, or says that it is an assumption.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from components.facts.billing import FREE, ChargeLister

ASSUMPTION: Final = "an assumption, AWS states no time"
REFILL_DOWNTIME: Final = "until the data is restored from elsewhere"
RESTORE_DOWNTIME: Final = f"{ASSUMPTION}: a restore from a snapshot takes 20 min and more"
RECREATION_DOWNTIME: Final = "until it is created again"
RECREATION_MINUTES: Final = f"minutes; {ASSUMPTION}"
# A property, its value, and what that means for the data: see DataLoss.safeguards.
DELETION_PROTECTION_SAFEGUARD: Final = (
    "deletionProtection",
    True,
    "deletion protection is on, so AWS refuses",
)
FINAL_SNAPSHOT_SAFEGUARDS: Final = (
    ("skipFinalSnapshot", True, "NO FINAL SNAPSHOT is taken"),
    ("skipFinalSnapshot", False, "a final snapshot is taken first"),
)
FORCE_DESTROY_SAFEGUARDS: Final = (
    ("forceDestroy", True, "forceDestroy is on, so it is emptied first"),
    ("forceDestroy", False, "AWS refuses it unless it is empty"),
)
# IAM's prefix of a service, if it is not the name of the provider's module.
IAM_SERVICES_BY_MODULE: Final[Mapping[str, str]] = {
    "appautoscaling": "application-autoscaling",
    "lb": "elasticloadbalancing",
    "vpc": "ec2",
}


@dataclass(frozen=True)
class DataLoss:
    """The data that a resource holds, and what its loss means.

    `safeguards` are sentences by property and value of the resource itself.
    """

    loss: str
    downtime: str
    source: str
    safeguards: tuple[tuple[str, bool, str], ...] = ()

    def describe_loss(self, inputs: Mapping[str, Any]) -> str:
        """What is lost, and what about this resource keeps or does not keep it."""
        sentences = [
            text for name, value, text in self.safeguards if bool(inputs.get(name)) is value
        ]
        return "; ".join((self.loss, *sentences))


@dataclass(frozen=True)
class ChangeEffect:
    "What a change interrupts, for how long, and the source of that."

    description: str
    downtime: str
    source: str


ProtectionChange = Literal["lower", "shorter", "zero", "on", "off"]


@dataclass(frozen=True)
class ProtectionRule:
    """A change of a property that keeps less than before; `change` is how its value changes."""

    property: str
    change: ProtectionChange
    description: str
    source: str
    loses_data: bool = False  # True if data is lost at once


@dataclass(frozen=True)
class Guard:
    """What protects others: its deletion loses no data, but protects less."""

    description: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Encryption:
    """What must be encrypted, as one rule of the policy pack.

    `true_properties` must be true; `key_property` must name a KMS key. With neither, the policy
    has a check of its own for the rule. `controls` are ids of AWS Security Hub, or `house`.
    """

    rule: str
    description: str
    controls: tuple[str, ...] = ("house",)
    true_properties: tuple[str, ...] = ()
    key_property: str | None = None
    prod_only: bool = False


@dataclass(frozen=True, kw_only=True)
class ResourceFact:
    """All facts about one resource type, like `aws:rds/instance:Instance`.

    `list_charges` is None if no price is known (types that no component makes). `updates` are the
    effects of changes by property; `removal` is that of a deletion or replacement if no data goes.
    """

    type: str
    list_charges: ChargeLister | None = FREE
    price_properties: tuple[str, ...] = ()  # while one is unknown, the estimate is too low
    class_price: tuple[str, str] | None = None  # the property of a class, and its price table
    data_loss: DataLoss | None = None
    updates: Mapping[str, ChangeEffect] = field(default_factory=dict)
    removal: ChangeEffect | None = None
    protections: tuple[ProtectionRule, ...] = ()
    guard: Guard | None = None
    encryption: Encryption | None = None
    has_maintenance_window: bool = False  # AWS changes it there unless applyImmediately is set
    must_be_protected: bool = False  # by Pulumi's `protect`, in prod
    is_taggable: bool = False
    service: str | None = None  # IAM's prefix, if the type's module does not say it

    @property
    def is_free(self) -> bool:
        """True if it costs nothing itself."""
        return self.list_charges is FREE

    @property
    def iam_service(self) -> str:
        """IAM's prefix of the service that the type belongs to."""
        module = self.type.split(":")[1].split("/")[0]
        return self.service or IAM_SERVICES_BY_MODULE.get(module, module)


# The disks of EC2 instances and launch templates; the policy has a check of its own for it.
DISK_ENCRYPTION: Final = Encryption(
    rule="disk-encrypted",
    description="Disks of instances are encrypted.",
    controls=("EC2.3", "EC2.181"),
)
