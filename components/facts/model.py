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
# The tags of every resource of a stack; policy pack and settings hold to the same.
STACK_TAG_KEYS: Final = ("Project", "Environment", "Component", "Owner", "CostCenter", "ManagedBy")
# Of every type: what a change of these properties never does anything to.
HARMLESS_PROPERTIES: Final = frozenset({"tags", "tagsAll", "description"})
# Of every type: names and places, which the provider changes by a replacement.
REPLACING_PROPERTIES: Final = frozenset({"name", "namePrefix", "region", "vpcId", "bucket"})
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
    "costexplorer": "ce",
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
        """Describes what is lost, and which properties of this resource prevent or allow it."""
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


ProtectionChange = Literal["lower", "shorter", "zero", "on", "off", "removed", "changed"]


@dataclass(frozen=True)
class ProtectionRule:
    """A change of a property that keeps less than before; `change` is how its value changes.

    `property` is a path: `rules[].lifecycle.deleteAfter` is that of each rule. "removed" is an
    element of a list that is no longer there. "changed" is any change that no other rule or effect
    of the property describes.
    """

    property: str
    change: ProtectionChange
    description: str
    source: str
    loses_data: bool = False  # True if data is lost at once
    interrupts: bool = False  # True if it protects as before, and interrupts
    downtime: str = "none"

    def get_input(self) -> str:
        """The input that the path begins with."""
        return self.property.partition(".")[0].removesuffix("[]")


@dataclass(frozen=True)
class CreationEffect:
    """What a creation interrupts if the resource that `reference` names already exists."""

    reference: str
    effect: ChangeEffect


@dataclass(frozen=True)
class Guard:
    """A safeguard of other resources: deleting it loses no data, but protection."""

    description: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Encryption:
    """An encryption that is required, as one rule of the policy pack.

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

    Every input that the program registers is in `updates`, `protections`, `price_properties`,
    `other_costs`, `replacing` (a change replaces the resource) or `harmless`; a test holds that.
    The report says of any other that its change is not judged.
    """

    type: str
    list_charges: ChargeLister | None = FREE
    price_properties: tuple[str, ...] = ()  # while one is unknown, the estimate is too low
    other_costs: tuple[str, ...] = ()  # what it costs changes, by usage or not by itself
    replacing: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()
    creation: CreationEffect | None = None
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

    def judges_update(self, name: str) -> bool:
        """True if it is known what a change of the property does while the resource stays."""
        return (
            name in HARMLESS_PROPERTIES
            or name in (*self.updates, *self.harmless, *self.price_properties, *self.other_costs)
            or any(rule.get_input() == name for rule in self.protections)
        )

    def is_replacing(self, name: str) -> bool:
        """True if a change of the property replaces the resource, or is refused by the provider."""
        return name in REPLACING_PROPERTIES or name in self.replacing

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
