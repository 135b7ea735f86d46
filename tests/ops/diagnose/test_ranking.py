"""The ranking of causes: confidence, what speaks against, gaps, triggers, consequences."""

from datetime import UTC, datetime, timedelta

from ops.diagnose.facts import Fact, FactGap, Facts
from ops.diagnose.ranking import NAMED_CONFIDENCE, get_confidence_words, rank_causes
from ops.diagnose.rule import CauseRule, Evidence

NOW = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)


def build_fact(key: str, part: str = "backend", minutes_ago: float = 10) -> Fact:
    return Fact(key, part, f"{key} is so", "test", since=NOW - timedelta(minutes=minutes_ago))


def build_rule(cause: str, *patterns: str, weight: float = 0.6, **fields: object) -> CauseRule:
    values = {
        "needs": patterns,
        "evidence": tuple(Evidence(pattern, weight) for pattern in patterns),
        "refutation": "never",
        "command": "ops health",
        "source": "assumed",
    } | fields
    return CauseRule(cause=cause, **values)  # type: ignore[arg-type]


def test_each_pattern_counts_once_and_raises_the_confidence() -> None:
    rule = build_rule("image-crashes", "a.*", "b", weight=0.5)
    (lone,) = rank_causes([rule], Facts((build_fact("a.1"), build_fact("a.2"))))
    (both,) = rank_causes([rule], Facts((build_fact("a.1"), build_fact("b"))))
    assert (lone.confidence, both.confidence) == (0.5, 0.75)


def test_a_part_has_no_cause_by_facts_of_another() -> None:
    causes = rank_causes([build_rule("image-crashes", "a")], Facts((build_fact("a", "web"),)))
    assert [(cause.cause, cause.part) for cause in causes] == [("image-crashes", "web")]


def test_what_speaks_against_a_cause_is_named_and_lowers_it() -> None:
    rule = build_rule("image-crashes", "a", against=(Evidence("calm", 0.4),))
    (cause,) = rank_causes([rule], Facts((build_fact("a"), build_fact("calm"))))
    assert round(cause.confidence, 3) == 0.36
    assert [fact.key for fact in cause.against] == ["calm"]


def test_only_the_gap_of_a_look_that_could_say_more_lowers_the_confidence() -> None:
    rule = build_rule("image-crashes", "a", evidence=(Evidence("a", 0.6), Evidence("b", 0.5)))
    facts = (build_fact("a"),)

    def find_sources(pattern: str) -> frozenset[str]:
        return frozenset({"look-of-a" if pattern == "a" else "look-of-b"})

    def get_confidence(*gaps: FactGap) -> float:
        (cause,) = rank_causes([rule], Facts(facts, gaps), find_sources)
        return cause.confidence

    assert get_confidence(FactGap("look-of-a", "denied")) == get_confidence() == 0.6
    assert get_confidence(FactGap("look-of-b", "denied", ("web",))) == 0.6
    assert get_confidence(FactGap("look-of-b", "denied", ("backend",))) < 0.6
    assert get_confidence(FactGap("look-of-b", "denied")) < 0.6


def test_a_change_shortly_before_is_the_trigger() -> None:
    rule = build_rule("image-crashes", "a", triggers=("change.*",))
    changes = [build_fact("change.deployment", minutes_ago=m) for m in (200, 30, 12, 2)]
    (cause,) = rank_causes([rule], Facts((build_fact("a"), *changes)))
    assert cause.trigger == changes[2]
    assert cause.confidence > 0.6
    other_part = build_fact("change.deployment", "web", 12)
    (cause,) = rank_causes([rule], Facts((build_fact("a"), other_part)))
    assert cause.trigger is None


def test_what_needs_a_trigger_is_not_thought_of_without_one() -> None:
    rule = build_rule("image-slow", "a", triggers=("change.*",), needs_trigger=True)
    late_change = build_fact("change.deployment", minutes_ago=1)
    assert not rank_causes([rule], Facts((build_fact("a"), late_change)))
    assert rank_causes([rule], Facts((build_fact("a"), build_fact("change.x", minutes_ago=20))))


def test_a_change_alone_is_no_cause() -> None:
    rule = build_rule("image-crashes", "a", triggers=("change.*",))
    assert not rank_causes([rule], Facts((build_fact("change.deployment"),)))


def test_a_consequence_is_below_its_cause_however_sure_it_is() -> None:
    upstream = build_rule("storage-full", "full", part="database", explains=("image-*",))
    symptom = build_rule("image-errors", "errors", weight=0.95)
    facts = Facts((build_fact("full", "database"), build_fact("errors")))
    first, second = rank_causes([symptom, upstream], facts)
    assert (first.cause, first.explained_by) == ("storage-full", None)
    assert (second.cause, second.explained_by) == ("image-errors", "storage-full")
    assert second.confidence < 0.95


def test_what_began_long_before_is_no_consequence() -> None:
    upstream = build_rule("storage-full", "full", part="database", explains=("image-*",))
    symptom = build_rule("image-errors", "errors", weight=0.95)
    facts = Facts((build_fact("full", "database", 5), build_fact("errors", minutes_ago=50)))
    first, second = rank_causes([symptom, upstream], facts)
    assert (first.cause, second.cause) == ("image-errors", "storage-full")
    assert first.explained_by is None


def test_two_independent_causes_are_both_named() -> None:
    rules = [build_rule("image-crashes", "a"), build_rule("cache-evicting", "b", part="cache")]
    causes = rank_causes(rules, Facts((build_fact("a"), build_fact("b", "cache"))))
    assert {cause.cause for cause in causes} == {"image-crashes", "cache-evicting"}


def test_a_faint_suspicion_is_not_named() -> None:
    rule = build_rule("image-crashes", "a", weight=NAMED_CONFIDENCE - 0.01)
    assert not rank_causes([rule], Facts((build_fact("a"),)))


def test_confidence_has_words() -> None:
    words = [get_confidence_words(confidence) for confidence in (0.3, 0.5, 0.7, 0.9)]
    assert words == ["a guess", "possible", "likely", "almost certain"]
