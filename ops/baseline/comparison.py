"""Compares two baselines: what is changed, gone, new, worse, or not known on either side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import JsonValue

from ops.baseline.model import SECTIONS, Baseline, Figure, Gap
from ops.core.checks import HealthState

Kind = Literal["worse", "gone", "unknown", "changed", "new"]
KINDS: Final[tuple[Kind, ...]] = ("worse", "gone", "unknown", "changed", "new")
TOLERANCE: Final = 20.0  # percent
# Differences of a figure that nobody means, in its own unit: an idle CPU may do thrice as much.
FLOORS: Final[Mapping[str, float]] = {
    "CPU": 5,
    "memory": 5,
    "connections": 5,
    "free memory": 0.25,
    "free storage": 1,
    "size": 100,
    "objects": 1000,  # each run leaves some in the operations bucket
}
EXACT: Final = frozenset({"allocated storage"})  # is compared with the instance, to the GiB
# What only follows another field: it differs where it does not.
FOLLOWS: Final[Mapping[tuple[str, str], str]] = {
    ("services", "running"): "desired",
    ("fleet", "in_service"): "desired",
}
ALL: Final = "all"


@dataclass(frozen=True)
class Difference:
    """What is not as it was. None: there was, or is, no such thing."""

    kind: Kind
    area: str
    subject: str
    what: str
    before: JsonValue
    now: JsonValue


def differences(
    before: Baseline, now: Baseline, only: Sequence[str], tolerance: float = TOLERANCE
) -> list[Difference]:
    """What differs in these areas, what matters most first. `tolerance` is in percent of before."""
    found = [
        *(one for area in SECTIONS if area in only for one in _section(area, before, now)),
        *(one for area in only for one in _health(area, before, now)),
        *_usage(before, now, only, tolerance),
    ]
    return sorted(found, key=lambda one: KINDS.index(one.kind))


def _section(area: str, before: Baseline, now: Baseline) -> Iterator[Difference]:
    """One part, subject for subject."""
    gaps = [{(g.subject, g.what): g for g in of.gaps if g.area == area} for of in (before, now)]
    if any((None, None) in known for known in gaps):
        yield _unknown(area, ALL, "", [known.get((None, None)) for known in gaps])
        return
    was, is_ = (of.model_dump(mode="json")[area] for of in (before, now))
    subjects = {s for known in gaps for s, _ in known if s is not None}
    for subject in sorted({*was, *is_, *subjects}):
        if any((subject, None) in known for known in gaps):
            yield _unknown(area, subject, "", [known.get((subject, None)) for known in gaps])
        elif subject not in was:
            yield Difference("new", area, subject, "", None, "there")
        elif subject not in is_:
            yield Difference("gone", area, subject, "", "there", None)
        else:
            old, new = (_fields(of[subject]) for of in (was, is_))
            yield from _subject(area, subject, old, new, gaps)


def _fields(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {"value": value}


def _subject(
    area: str,
    subject: str,
    was: dict[str, JsonValue],
    is_: dict[str, JsonValue],
    gaps: Sequence[Mapping[tuple[str | None, str | None], Gap]],
) -> Iterator[Difference]:
    """One subject that is on both sides, field for field."""
    for name in was:
        key, words = (subject, name), name.replace("_", " ")
        if any(key in known for known in gaps):
            yield _unknown(area, subject, words, [known.get(key) for known in gaps])
            continue
        leads = FOLLOWS.get((area, name))
        if leads and was[name] == was[leads] and is_[name] == is_[leads]:
            continue
        old, new = was[name], is_[name]
        if isinstance(old, dict) and isinstance(new, dict):
            for part in sorted({*old, *new}):
                yield from _value(area, subject, f"{words} {part}", old.get(part), new.get(part))
        else:
            yield from _value(area, subject, words, old, new)


def _value(
    area: str, subject: str, what: str, old: JsonValue, new: JsonValue
) -> Iterator[Difference]:
    if old != new:
        kind: Kind = "worse" if (area, what, new) == ("alarms", "state", "ALARM") else "changed"
        yield Difference(kind, area, subject, what, old, new)


def _unknown(area: str, subject: str, what: str, gaps: Sequence[Gap | None]) -> Difference:
    before, now = (f"not known: {gap.why}" if gap else "known" for gap in gaps)
    return Difference("unknown", area, subject, what, before, now)


def _health(area: str, before: Baseline, now: Baseline) -> Iterator[Difference]:
    """The findings of one area. A check may name subjects only where something is not well.

    So a subject that a side does not name is well there, unless something of the area is unknown.
    Alarms are compared each for itself.
    """
    if area == "alarms":
        return
    was, is_ = (of.health.get(area, {}) for of in (before, now))
    for subject in sorted({*was, *is_}):
        old, new = _state(was, subject), _state(is_, subject)
        shown = (was.get(subject), is_.get(subject))
        if "unknown" in (old, new):
            # Where the check itself is unknown its own line says so, once for all of its subjects.
            if "unknown" in shown or "failing" in shown:
                yield Difference("unknown", area, subject, "health", old, new)
        elif old != new:
            kind: Kind = "worse" if new == "failing" else "changed"
            yield Difference(kind, area, subject, "health", old, new)


def _state(of: Mapping[str, HealthState], subject: str) -> HealthState:
    return of.get(subject, "unknown" if "unknown" in of.values() else "ok")


def _usage(
    before: Baseline, now: Baseline, only: Sequence[str], tolerance: float
) -> Iterator[Difference]:
    """The figures: the mean of the hour, and where that is as it was, a value above its peak."""
    was, is_ = ({(f.area, f.subject, f.what): f for f in of.usage} for of in (before, now))
    for key in sorted({*was, *is_}):
        area, subject, what = key
        if area not in only or what in EXACT:
            continue
        old, new = was.get(key), is_.get(key)
        if old is None or new is None:
            if area not in SECTIONS:  # else the section says that the thing itself is new or gone
                kind: Kind = "new" if old is None else "gone"
                yield Difference(kind, area, subject, what, _shown(old), _shown(new))
        elif old.unread or new.unread:
            texts = (f"not known: {f.unread}" if f.unread else _shown(f) for f in (old, new))
            yield Difference("unknown", area, subject, what, *texts)
        elif (found := _figures(old, new, FLOORS.get(what, 0), tolerance)) is not None:
            yield found


def _figures(old: Figure, new: Figure, floor: float, tolerance: float) -> Difference | None:
    where = (old.area, old.subject, old.what)
    if old.mean is None or new.mean is None:
        if old.mean == new.mean:
            return None
        return Difference("new" if old.mean is None else "gone", *where, _shown(old), _shown(new))
    if abs(new.mean - old.mean) > max(floor, abs(old.mean) * tolerance / 100):
        return Difference("changed", *where, _shown(old), _shown(new))
    peak, last = old.peak or 0, new.now or 0
    if last - peak > max(floor, peak * tolerance / 100):
        return Difference("changed", *where, f"{_said(peak, old)} at most", _said(last, new))
    return None


def _shown(figure: Figure | None) -> str | None:
    if figure is None:
        return None
    return "no data" if figure.mean is None else _said(figure.mean, figure)


def _said(value: float, of: Figure) -> str:
    return f"{value:g} {of.unit}".strip()
