"""The metrics of a world over time: healthy ones, with what an incident makes of them.

A subject is named by its kind and its name: `targets/backend`, `service/backend`, `load-balancer`,
`fleet`, `database`, `database/replica-1`, `cache/001`, `nat/a`. Values are of whole minutes, the
same for the same seed; nothing is stored but what was computed once. Time is in minutes before the
moment of the diagnosis, so that the hour of a run has no say.
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from statistics import NormalDist
from typing import Final, Literal

from sandbox.incidents.metric_levels import (
    CLIENT_ERROR_SHARE,
    ERROR_SHARE,
    LEVELS,
    OWN_CLIENT_ERROR_SHARE,
    OWN_ERROR_SHARE,
    MetricLevel,
)

Operation = Literal["set", "times", "plus", "gone"]
PEAK_HOUR: Final = 14.0
COARSE_MINUTES: Final = 10  # between samples of a long period
LONG_PERIOD_MINUTES: Final = 180
_NORMAL: Final = NormalDist()
# What metrics are computed from.
_SOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "HTTPCode_Target_5XX_Count": (ERROR_SHARE, "RequestCount"),
    "HTTPCode_Target_4XX_Count": (CLIENT_ERROR_SHARE, "RequestCount"),
    "HTTPCode_ELB_5XX_Count": (OWN_ERROR_SHARE, "RequestCount"),
    "HTTPCode_ELB_4XX_Count": (OWN_CLIENT_ERROR_SHARE, "RequestCount"),
}
_RESPONSE_METRICS: Final = (
    *("HTTPCode_Target_2XX_Count", "HTTPCode_Target_4XX_Count", "HTTPCode_Target_5XX_Count"),
    "HTTPCode_Target_3XX_Count",
)


@dataclass(frozen=True)
class MetricEffect:
    """What happens to metrics of subjects for a while. Minutes are before the diagnosis.

    `ramp` is the minutes until it has its full strength, 0 for at once.
    """

    subject: str
    metric: str
    operation: Operation
    value: float
    begin: float
    end: float = 0.0
    ramp: float = 0.0

    def apply(self, before: float, minute: float) -> float | None:
        """A value with the effect; None for no data point."""
        if self.operation == "gone":
            return None
        strength = 1.0 if self.ramp <= 0 else min(1.0, (self.begin - minute) / self.ramp)
        target = {
            "set": self.value,
            "times": before * self.value,
            "plus": before + self.value,
        }[self.operation]
        return before + (target - before) * strength


@dataclass
class MetricModel:
    """All metrics of one world."""

    now: datetime
    hour: float
    seed: int
    # Requests of a target group as a factor of the level's.
    traffic: dict[str, float] = field(default_factory=dict)
    counts: dict[tuple[str, str], float] = field(default_factory=dict)
    effects: list[MetricEffect] = field(default_factory=list)
    lag_minutes: float = 0.0

    def __post_init__(self) -> None:
        self._values: dict[tuple[str, str, int], float | None] = {}

    def add_effect(self, effect: MetricEffect) -> None:
        """Adds an effect, which acts on what earlier ones left."""
        self.effects.append(effect)
        self._values.clear()

    def get_first_effect(self, subject: str, metric: str) -> float:
        """The minutes before the diagnosis at which a metric's first effect began; -1 for none."""
        names = (metric, *_SOURCES.get(metric, ()))
        subjects = (subject, "targets/*") if subject == "load-balancer" else (subject,)
        return max(
            (
                effect.begin
                for effect in self.effects
                if effect.metric in names
                and any(
                    fnmatchcase(name, effect.subject) or fnmatchcase(effect.subject, name)
                    for name in subjects
                )
            ),
            default=-1.0,
        )

    def has_metric(self, subject: str, metric: str) -> bool:
        """True if such a subject has such a metric."""
        kind = subject.partition("/")[0]
        if kind in ("targets", "load-balancer") and metric in (*_RESPONSE_METRICS, "RequestCount"):
            return True
        if kind == "load-balancer" and metric in (
            *("HTTPCode_ELB_5XX_Count", "HTTPCode_ELB_4XX_Count", "TargetResponseTime"),
            "TargetConnectionErrorCount",
        ):
            return True
        if metric == "ReplicaLag" and subject == "database":
            return False
        return metric in LEVELS.get(kind, {})

    def get_value(self, subject: str, metric: str, minute: int) -> float | None:
        """The value of a minute: a sum of it for counts, else its mean; None for no data."""
        key = (subject, metric, minute)
        if key not in self._values:
            self._values[key] = self._compute_value(subject, metric, minute)
        return self._values[key]

    def get_statistic(
        self, subject: str, metric: str, stat: str, first: int, minutes: int
    ) -> float | None:
        """A statistic of the minutes from `first` on, which lies so many minutes back."""
        step = COARSE_MINUTES if minutes >= LONG_PERIOD_MINUTES else 1
        values = [
            value
            for minute in range(first, first - minutes, -step)
            if minute > self.lag_minutes
            and (value := self.get_value(subject, metric, minute)) is not None
        ]
        if not values:
            return None
        level = self._get_level(subject, metric)
        match stat:
            case "Sum":
                return sum(values) * step
            case "SampleCount":
                return float(len(values) * step)
            case "Maximum":
                return max(values)
            case "Minimum":
                return min(values)
            case "Average":
                spread = math.exp(level.sigma**2 / 2) if level.sigma else 1.0
                return sum(values) / len(values) * spread
        return self._compute_percentile(values, float(stat[1:]) / 100, level.sigma)

    def _compute_percentile(self, values: Sequence[float], share: float, sigma: float) -> float:
        if sigma:
            bounded = min(max(share, 0.001), 0.999)
            return sum(values) / len(values) * math.exp(sigma * _NORMAL.inv_cdf(bounded))
        ordered = sorted(values)
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

    def _get_level(self, subject: str, metric: str) -> MetricLevel:
        kind = subject.partition("/")[0]
        if kind == "load-balancer" and metric == "TargetResponseTime":
            return LEVELS["targets"][metric]
        return LEVELS[kind].get(metric, MetricLevel(0, is_count=True, is_silent_at_zero=True))

    def _compute_value(self, subject: str, metric: str, minute: int) -> float | None:
        kind = subject.partition("/")[0]
        derived = self._derive(kind, subject, metric, minute)
        level = self._get_level(subject, metric)
        if derived is _NOT_DERIVED:
            value: float | None = self._compute_level(subject, metric, level, minute)
        else:
            assert derived is None or isinstance(derived, float)
            value = derived
        for effect in self.effects:
            if (
                value is not None
                and effect.begin >= minute >= effect.end
                and effect.metric == metric
                and fnmatchcase(subject, effect.subject)
            ):
                value = effect.apply(value, minute)
        if value is None:
            return None
        if level.maximum is not None:
            value = min(value, level.maximum)
        value = max(value, 0.0)
        if level.is_count:
            value = float(round(value))
        return None if level.is_silent_at_zero and value == 0 else value

    def _compute_level(self, subject: str, metric: str, level: MetricLevel, minute: int) -> float:
        mean = self.counts.get((subject, metric), level.mean)
        if metric == "RequestCount":
            mean *= self.traffic.get(subject.partition("/")[2], 1.0)
        day = 1.0 + level.day * math.cos((self._get_hour(minute) - PEAK_HOUR) / 24 * 2 * math.pi)
        chance = self._compute_noise(f"{subject}/{metric}", minute)
        return mean * day * (1.0 + level.noise * chance)

    def _get_hour(self, minute: int) -> float:
        return (self.hour - minute / 60) % 24

    def _compute_noise(self, key: str, minute: int) -> float:
        """A number between -1 and 1, of a minute and in part of its ten minutes."""
        slow = zlib.crc32(f"{self.seed}/{key}/slow/{minute // 10}".encode()) / 2**31 - 1
        quick = zlib.crc32(f"{self.seed}/{key}/{minute}".encode()) / 2**31 - 1
        return 0.5 * slow + 0.5 * quick

    def _derive(self, kind: str, subject: str, metric: str, minute: int) -> object:
        """Responses follow from requests, and the load balancer's from its target groups."""
        if kind == "targets" and metric in _RESPONSE_METRICS:
            return self._derive_responses(subject, metric, minute)
        if kind != "load-balancer":
            return _NOT_DERIVED
        groups = [f"targets/{name}" for name in self.traffic]
        if metric in (*_RESPONSE_METRICS, "RequestCount", "TargetConnectionErrorCount"):
            return sum(self.get_value(group, metric, minute) or 0.0 for group in groups)
        if metric == "TargetResponseTime":
            return self._derive_latency(groups, minute)
        shares = {
            "HTTPCode_ELB_5XX_Count": OWN_ERROR_SHARE,
            "HTTPCode_ELB_4XX_Count": OWN_CLIENT_ERROR_SHARE,
        }
        if metric in shares:
            share = self.get_value(subject, shares[metric], minute) or 0.0
            # Those that it answers itself are not among the requests of its target groups.
            usual = sum(self._compute_usual_requests(group, minute) for group in groups)
            return share * usual
        return _NOT_DERIVED

    def _compute_usual_requests(self, group: str, minute: int) -> float:
        return self._compute_level(group, "RequestCount", LEVELS["targets"]["RequestCount"], minute)

    def _derive_responses(self, subject: str, metric: str, minute: int) -> float:
        requests = self.get_value(subject, "RequestCount", minute) or 0.0
        bad = self.get_value(subject, ERROR_SHARE, minute) or 0.0
        refused = self.get_value(subject, CLIENT_ERROR_SHARE, minute) or 0.0
        redirected = 0.02
        share = {
            "HTTPCode_Target_5XX_Count": bad,
            "HTTPCode_Target_4XX_Count": min(refused, 1 - bad),
            "HTTPCode_Target_3XX_Count": redirected * (1 - bad),
            "HTTPCode_Target_2XX_Count": max(0.0, 1 - bad - refused - redirected),
        }[metric]
        # A share of few requests is now one and now none.
        exact = requests * share
        whole = math.floor(exact)
        chance = (self._compute_noise(f"{subject}/{metric}/part", minute) + 1) / 2
        return float(whole + (chance < exact - whole))

    def _derive_latency(self, groups: Sequence[str], minute: int) -> float | None:
        pairs = [
            (requests, latency)
            for group in groups
            if (requests := self.get_value(group, "RequestCount", minute))
            and (latency := self.get_value(group, "TargetResponseTime", minute)) is not None
        ]
        total = sum(requests for requests, _ in pairs)
        return sum(requests * latency for requests, latency in pairs) / total if total else None


_NOT_DERIVED: Final = object()
