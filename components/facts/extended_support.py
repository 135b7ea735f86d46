"""RDS Extended Support: when a major version of PostgreSQL enters it, and what is billed then.

Sources: RDS User Guide, "Amazon RDS Extended Support charges" (by vCPU and hour, from the day after
the end of standard support; a standby is billed too) and "Overview of Amazon RDS Extended Support"
(what is not enrolled is upgraded by RDS).
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from components.facts.billing import Charge, ResourceInputs, build_hourly_charge
from components.facts.vcpus import find_rds_vcpus

ENROLLED: Final = "open-source-rds-extended-support"
NOT_ENROLLED: Final = "open-source-rds-extended-support-disabled"
# The first month in which each version is billed. RDS ends standard support at the end of the
# February after the community's last minor version, which is five years after the first (AWS CLI
# Reference, describe-db-major-engine-versions: 17 ends on 2030-02-28; PostgreSQL's versioning
# policy for the others, 2026-11). `ops health` asks RDS for the date.
FIRST_BILLED_YEARS: Final = {13: 2026, 14: 2027, 15: 2028, 16: 2029, 17: 2030, 18: 2031}
LOWER_PRICE_YEARS: Final = 2  # then twice the price (RDS for PostgreSQL pricing, 2026-05)
TOTAL_YEARS: Final = 3  # then RDS upgrades the instance, enrolled or not
NOTICE_DAYS: Final = 365  # days before the end of standard support in which a cost is announced

SupportStage = Literal["standard", "lower price", "higher price", "over"]


@dataclass(frozen=True)
class SupportDates:
    """The days on which the support of a major version changes."""

    first_billed: date
    first_higher: date
    first_without: date

    @property
    def last_standard(self) -> date:
        """The last day of standard support."""
        return self.first_billed - timedelta(days=1)

    def get_stage(self, day: date) -> SupportStage:
        """The support that the version has on a day."""
        if day < self.first_billed:
            return "standard"
        if day < self.first_higher:
            return "lower price"
        return "higher price" if day < self.first_without else "over"


def find_support_dates(major_version: int) -> SupportDates | None:
    """The dates of a major version of PostgreSQL on RDS; None if they are not known."""
    year = FIRST_BILLED_YEARS.get(major_version)
    if year is None:
        return None
    return SupportDates(
        *(date(year + years, 3, 1) for years in (0, LOWER_PRICE_YEARS, TOTAL_YEARS))
    )


def format_extended_support_command(identifier: str, *, region: str, is_enrolled: bool) -> str:
    """Returns the AWS CLI line that enrolls a DB instance or ends it (Amazon RDS API Reference,
    ModifyDBInstance). The AWS provider sends the call without the value
    (terraform-provider-aws#40870)."""
    return shlex.join(
        (
            *("aws", "rds", "modify-db-instance", "--region", region),
            *("--db-instance-identifier", identifier),
            *("--engine-lifecycle-support", ENROLLED if is_enrolled else NOT_ENROLLED),
        )
    )


def list_extended_support_charges(
    inputs: ResourceInputs, *, instance_class: str, copies: int, day: date
) -> Iterable[Charge]:
    """Lists what Extended Support costs on a day, or will cost within a year.

    `inputs` are those of the primary: a replica has its version and its enrollment.
    """
    version = inputs.get("engineVersion")
    if version is None or inputs.get("engine") not in (None, "postgres"):
        return
    if inputs.get("engineLifecycleSupport") == NOT_ENROLLED:
        return
    major_version = int(str(version).split(".")[0])
    dates, vcpus = find_support_dates(major_version), find_rds_vcpus(instance_class)
    subject = f"Extended Support of PostgreSQL {major_version}"
    if dates is None:
        yield Charge(subject, unknown="not priced: the end of its standard support is not known")
        return
    stage = dates.get_stage(day)
    if stage == "standard":
        if (dates.first_billed - day).days <= NOTICE_DAYS:
            yield Charge(f"{subject} from {dates.first_billed}", usage="extended-support")
    elif stage == "over":
        yield Charge(subject, unknown=f"it ended on {dates.first_without}: RDS upgrades it")
    elif vcpus is None:
        yield Charge(subject, unknown=f"not priced: the vCPUs of {instance_class} are not known")
    else:
        price = "extended_support" if stage == "lower price" else "extended_support_year_3"
        count = vcpus * copies
        yield build_hourly_charge(f"{subject}, {count} vCPU", price=price, count=count)
