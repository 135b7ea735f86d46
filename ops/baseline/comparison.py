"""Compares two baselines: what is changed, gone, new, worse, or not known on either side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import JsonValue

from ops.baseline.model import BASELINE_SECTIONS, Baseline, BaselineFigure, BaselineGap
from ops.core.checks import HealthState

BaselineDifferenceKind = Literal["worse", "gone", "unknown", "changed", "new"]
BASELINE_DIFFERENCE_KINDS: Final[tuple[BaselineDifferenceKind, ...]] = (
    "worse",
    "gone",
    "unknown",
    "changed",
    "new",
)
DEFAULT_TOLERANCE_PERCENT: Final = 20.0  # percent
# Differences of a figure that nobody means, in its own unit: an idle CPU may do thrice as much.
MIN_FIGURE_DIFFERENCES: Final[Mapping[str, float]] = {
    "CPU": 5,
    "memory": 5,
    "connections": 5,
    "free memory": 0.25,
    "free storage": 1,
    "size": 100,
    "objects": 1000,  # each run leaves some in the operations bucket
}
EXACT_FIGURES: Final = frozenset({"allocated storage"})  # is compared with the instance, to the GiB
# What only follows another field: it differs where it does not.
LEADING_FIELDS: Final[Mapping[tuple[str, str], str]] = {
    ("services", "running"): "desired",
    ("fleet", "in_service"): "desired",
}
WHOLE_AREA: Final = "all"


@dataclass(frozen=True)
class BaselineDifference:
    """What is not as it was. None: there was, or is, no such thing."""

    kind: BaselineDifferenceKind
    area: str
    subject: str
    what: str
    before: JsonValue
    now: JsonValue


def list_baseline_differences(
    before: Baseline,
    after: Baseline,
    areas: Sequence[str],
    tolerance_percent: float = DEFAULT_TOLERANCE_PERCENT,
) -> list[BaselineDifference]:
    """What differs in these areas, what matters most first. `tolerance` is in percent of before."""
    differences = [
        *(
            difference
            for area in BASELINE_SECTIONS
            if area in areas
            for difference in _compare_section(area, before, after)
        ),
        *(difference for area in areas for difference in _compare_health(area, before, after)),
        *_compare_usage(before, after, areas, tolerance_percent),
    ]
    return sorted(
        differences, key=lambda difference: BASELINE_DIFFERENCE_KINDS.index(difference.kind)
    )


def _compare_section(area: str, before: Baseline, after: Baseline) -> Iterator[BaselineDifference]:
    """One part, subject for subject."""
    gaps = [
        {(gap.subject, gap.what): gap for gap in side.gaps if gap.area == area}
        for side in (before, after)
    ]
    if any((None, None) in side_gaps for side_gaps in gaps):
        yield _build_unknown_difference(
            area, WHOLE_AREA, "", [side_gaps.get((None, None)) for side_gaps in gaps]
        )
        return
    old_subjects, new_subjects = (side.model_dump(mode="json")[area] for side in (before, after))
    subjects = {name for side_gaps in gaps for name, _ in side_gaps if name is not None}
    for subject in sorted({*old_subjects, *new_subjects, *subjects}):
        if any((subject, None) in side_gaps for side_gaps in gaps):
            yield _build_unknown_difference(
                area, subject, "", [side_gaps.get((subject, None)) for side_gaps in gaps]
            )
        elif subject not in old_subjects:
            yield BaselineDifference("new", area, subject, "", None, "there")
        elif subject not in new_subjects:
            yield BaselineDifference("gone", area, subject, "", "there", None)
        else:
            old, new = (_get_fields(side[subject]) for side in (old_subjects, new_subjects))
            yield from _compare_subject(area, subject, old, new, gaps)


def _get_fields(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {"value": value}


def _compare_subject(
    area: str,
    subject: str,
    old_fields: dict[str, JsonValue],
    new_fields: dict[str, JsonValue],
    gaps: Sequence[Mapping[tuple[str | None, str | None], BaselineGap]],
) -> Iterator[BaselineDifference]:
    """One subject that is on both sides, field for field."""
    for name in old_fields:
        key, label = (subject, name), name.replace("_", " ")
        if any(key in side_gaps for side_gaps in gaps):
            yield _build_unknown_difference(
                area, subject, label, [side_gaps.get(key) for side_gaps in gaps]
            )
            continue
        leading_field = LEADING_FIELDS.get((area, name))
        if (
            leading_field
            and old_fields[name] == old_fields[leading_field]
            and new_fields[name] == new_fields[leading_field]
        ):
            continue
        old, new = old_fields[name], new_fields[name]
        if isinstance(old, dict) and isinstance(new, dict):
            for part in sorted({*old, *new}):
                yield from _compare_value(
                    area, subject, f"{label} {part}", old.get(part), new.get(part)
                )
        else:
            yield from _compare_value(area, subject, label, old, new)


def _compare_value(
    area: str, subject: str, label: str, old: JsonValue, new: JsonValue
) -> Iterator[BaselineDifference]:
    if old != new:
        kind: BaselineDifferenceKind = (
            "worse" if (area, label, new) == ("alarms", "state", "ALARM") else "changed"
        )
        yield BaselineDifference(kind, area, subject, label, old, new)


def _build_unknown_difference(
    area: str, subject: str, label: str, gaps: Sequence[BaselineGap | None]
) -> BaselineDifference:
    before, after = (f"not known: {gap.why}" if gap else "known" for gap in gaps)
    return BaselineDifference("unknown", area, subject, label, before, after)


def _compare_health(area: str, before: Baseline, after: Baseline) -> Iterator[BaselineDifference]:
    """The findings of one area. A check may name subjects only where something is not well.

    So a subject that a side does not name is well there, unless something of the area is unknown.
    Alarms are compared each for itself.
    """
    if area == "alarms":
        return
    old_states, new_states = (baseline.health.get(area, {}) for baseline in (before, after))
    for subject in sorted({*old_states, *new_states}):
        old, new = _get_state(old_states, subject), _get_state(new_states, subject)
        reported_states = (old_states.get(subject), new_states.get(subject))
        if "unknown" in (old, new):
            # Where the check itself is unknown its own line says so, once for all of its subjects.
            if "unknown" in reported_states or "failing" in reported_states:
                yield BaselineDifference("unknown", area, subject, "health", old, new)
        elif old != new:
            kind: BaselineDifferenceKind = "worse" if new == "failing" else "changed"
            yield BaselineDifference(kind, area, subject, "health", old, new)


def _get_state(states: Mapping[str, HealthState], subject: str) -> HealthState:
    return states.get(subject, "unknown" if "unknown" in states.values() else "ok")


def _compare_usage(
    before: Baseline, after: Baseline, areas: Sequence[str], tolerance_percent: float
) -> Iterator[BaselineDifference]:
    """The figures: the mean of the hour, and where that is as it was, a value above its peak."""
    old_figures, new_figures = (
        {(figure.area, figure.subject, figure.what): figure for figure in baseline.usage}
        for baseline in (before, after)
    )
    for key in sorted({*old_figures, *new_figures}):
        area, subject, label = key
        if area not in areas or label in EXACT_FIGURES:
            continue
        old, new = old_figures.get(key), new_figures.get(key)
        if old is None or new is None:
            if (
                area not in BASELINE_SECTIONS
            ):  # else the section says that the thing itself is new or gone
                kind: BaselineDifferenceKind = "new" if old is None else "gone"
                yield BaselineDifference(
                    kind, area, subject, label, _format_figure(old), _format_figure(new)
                )
        elif old.unread or new.unread:
            texts = (
                f"not known: {figure.unread}" if figure.unread else _format_figure(figure)
                for figure in (old, new)
            )
            yield BaselineDifference("unknown", area, subject, label, *texts)
        elif (
            difference := _compare_figures(
                old, new, MIN_FIGURE_DIFFERENCES.get(label, 0), tolerance_percent
            )
        ) is not None:
            yield difference


def _compare_figures(
    old: BaselineFigure, new: BaselineFigure, min_difference: float, tolerance_percent: float
) -> BaselineDifference | None:
    identity = (old.area, old.subject, old.what)
    if old.mean is None or new.mean is None:
        if old.mean == new.mean:
            return None
        return BaselineDifference(
            "new" if old.mean is None else "gone",
            *identity,
            _format_figure(old),
            _format_figure(new),
        )
    if abs(new.mean - old.mean) > max(min_difference, abs(old.mean) * tolerance_percent / 100):
        return BaselineDifference("changed", *identity, _format_figure(old), _format_figure(new))
    peak, current = old.peak or 0, new.now or 0
    if current - peak > max(min_difference, peak * tolerance_percent / 100):
        return BaselineDifference(
            "changed", *identity, f"{_format_value(peak, old)} at most", _format_value(current, new)
        )
    return None


def _format_figure(figure: BaselineFigure | None) -> str | None:
    if figure is None:
        return None
    return "no data" if figure.mean is None else _format_value(figure.mean, figure)


def _format_value(value: float, figure: BaselineFigure) -> str:
    return f"{value:g} {figure.unit}".strip()
