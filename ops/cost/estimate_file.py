"""What a stack's settings are estimated to cost, from what `ops cost estimate` printed."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from ops.core.errors import UsageError
from ops.prices.price_table import HOURS


class _Row(BaseModel):
    stack: str
    component: str
    monthly: float


class _Prices(BaseModel):
    region: str
    taken: str
    source: str


class _EstimateDocument(BaseModel):
    kind: str
    items: list[_Row]
    prices: _Prices


@dataclass(frozen=True)
class Estimate:
    """$ a month by component, without what depends on use, and where the prices are from."""

    components: dict[str, float]
    source: str

    def compute_amount(self, component: str, days: int) -> float | None:
        """What so many days should cost; None for a component that the estimate lacks."""
        # A preview names a component by its class, like Network, the tag by its name.
        monthly = self.components.get(component, self.components.get(component.capitalize()))
        return None if monthly is None else monthly * days * 24 / HOURS


def read_estimate(file: Path, stack: str) -> Estimate:
    """Reads the estimate of a stack.

    Raises UsageError unless the file is of `ops cost estimate --output json` and has the stack.
    """
    try:
        document = _EstimateDocument.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        document = None
    if document is None or document.kind != "cost-estimate":
        raise UsageError(
            "--estimate must be a file that `ops cost estimate PREVIEW --output json` printed, not "
            f"{str(file)!r}"
        )
    components = {row.component: row.monthly for row in document.items if row.stack == stack}
    if not components:
        stacks = ", ".join(sorted({row.stack for row in document.items})) or "nothing"
        raise UsageError(f"--estimate must be of the stack {stack}, not of {stacks}")
    prices = document.prices
    return Estimate(
        components, f"list prices of {prices.region}, {prices.taken}, from {prices.source}"
    )
