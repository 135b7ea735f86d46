"""For the checklists: what rightsizing knows, without what is too young to be judged."""

from ops.core.checks import CheckFacts, CheckFinding, CheckRoutine, UnknownAnswerError
from ops.cost.rightsizing.compute import check_cache_size, check_fleet_size, check_task_sizes
from ops.cost.rightsizing.database import check_database_size
from ops.cost.rightsizing.loads import RIGHTSIZING_AREA, NotEnoughDataFinding


def check_known_sizes(facts: CheckFacts) -> CheckRoutine:
    """The findings of what has two weeks of data; nothing at all if nothing has."""
    outputs = facts.outputs
    findings = yield from _read_known(check_database_size(facts))
    if outputs.services is not None:
        findings += yield from _read_known(check_task_sizes(facts))
    if outputs.fleet is not None:
        findings += yield from _read_known(check_fleet_size(facts))
    if outputs.cache is not None:
        findings += yield from _read_known(check_cache_size(facts))
    return findings


def _read_known(routine: CheckRoutine) -> CheckRoutine:
    """A part's findings; one that cannot be read is unknown, and the other parts are known."""
    try:
        findings = yield from routine
    except UnknownAnswerError as error:
        return [CheckFinding("unknown", RIGHTSIZING_AREA, "sizes", str(error), error.advice)]
    return [f for f in findings if not isinstance(f, NotEnoughDataFinding)]
