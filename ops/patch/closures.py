"""Which CVEs each way of patching closes: packages in place, or a newer AMI.

In place everything is closed that Patch Manager reports as missing. A newer AMI has what Amazon
Linux had released when it was built; Systems Manager knows when that was of each patch, by its CVE.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ops.core.aws import Aws
from ops.core.checks import split_into_chunks
from ops.core.counts import format_count
from ops.core.times import parse_aws_time
from ops.fleet.model import list_read_items
from ops.patch.apis import AVAILABLE_PATCHES_API
from ops.patch.instance_patches import InstancePatches, list_missing_cves
from ops.patch.new_ami import NewAmi

# The product's name in DescribeAvailablePatches (the same API's filter PRODUCT).
PATCH_PRODUCT: Final = "AmazonLinux2023"
CVES_PER_READ: Final = 20  # values of a filter (API reference, PatchOrchestratorFilter)
SHOWN_CVES: Final = 20


def read_release_times(aws: Aws, cve_ids: Sequence[str]) -> dict[str, datetime]:
    """When the last patch of each CVE was released, as far as Systems Manager knows."""
    times: dict[str, datetime] = {}
    for chunk in split_into_chunks(cve_ids, CVES_PER_READ):
        filters = [
            {"Key": "PRODUCT", "Values": [PATCH_PRODUCT]},
            {"Key": "CVE_ID", "Values": chunk},
        ]
        for patch in list_read_items(aws, AVAILABLE_PATCHES_API, "Patches", {"Filters": filters}):
            if released := patch.get("ReleaseDate"):
                for cve in patch.get("CVEIds") or ():
                    time = parse_aws_time(released)
                    times[cve] = max(time, times.get(cve, time))
    return times


def describe_closures(
    aws: Aws, instances: Sequence[InstancePatches], new_ami: NewAmi | None
) -> list[str]:
    """A note for each way, with the CVEs that it closes, and one of what is not known.

    `new_ami` is None if there is no newer one, or it could not be read.
    """
    cves = list_missing_cves(instances)
    unscanned = [i.instance_id for i in instances if i.scanned_at is None]
    notes = []
    if unscanned:
        notes.append(
            f"{', '.join(unscanned)} was never scanned: what it lacks is not known (ops patch scan)"
        )
    if not cves:
        notes.append("no CVE is known that either way closes")
        return notes
    notes.append(f"in place closes {_format_cves(cves, len(cves))}")
    if new_ami is None:
        return notes
    ami, built_at = new_ami.ami, new_ami.built_at
    times = read_release_times(aws, cves)
    closed = [c for c in cves if c in times and built_at is not None and times[c] <= built_at]
    left = [c for c in cves if c in times and built_at is not None and times[c] > built_at]
    unknown = [c for c in cves if c not in closed and c not in left]
    when = f" of {built_at:%Y-%m-%d}" if built_at else ", whose date is not known,"
    notes.append(f"the AMI {ami}{when} closes {_format_cves(closed, len(cves))}")
    if left:
        notes.append(f"the AMI is older than the patches of {', '.join(left[:SHOWN_CVES])}")
    if unknown:
        notes.append(
            f"whether the AMI closes {', '.join(unknown[:SHOWN_CVES])} is not known: Systems "
            "Manager has no release date"
        )
    return notes


def _format_cves(cves: Sequence[str], total: int) -> str:
    shown = ", ".join(cves[:SHOWN_CVES])
    more = f" and {len(cves) - SHOWN_CVES} more" if len(cves) > SHOWN_CVES else ""
    return f"{len(cves)} of {format_count(total, 'CVE')}" + (f": {shown}{more}" if cves else "")
