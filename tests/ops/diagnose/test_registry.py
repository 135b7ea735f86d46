"""What all rules and looks of `ops diagnose` must hold."""

import fnmatch
import re
import shlex
from collections.abc import Iterator

import pytest

from components.settings.fields import find_field_at
from ops.cli.command_tree import build_command_tree
from ops.diagnose.causes import CAUSES
from ops.diagnose.facts import Facts
from ops.diagnose.ranking import rank_causes
from ops.diagnose.registry import READERS, RULES, find_sources
from ops.diagnose.rule import CauseRule

RULE_IDS = [f"{rule.cause}-{number}" for number, rule in enumerate(RULES)]


def list_patterns(rule: CauseRule) -> Iterator[str]:
    yield from rule.needs
    yield from (item.pattern for item in (*rule.evidence, *rule.against))
    yield from (pattern for group in rule.needs_also for pattern in group)
    yield from (*rule.triggers, *rule.symptoms, *(pattern for pattern, _ in rule.other_commands))


@pytest.mark.parametrize("rule", RULES, ids=RULE_IDS)
def test_a_rule_names_a_cause_and_stands_on_what_a_look_can_see(rule: CauseRule) -> None:
    assert rule.cause in CAUSES
    assert all(find_sources(pattern) for pattern in list_patterns(rule)), [
        pattern for pattern in list_patterns(rule) if not find_sources(pattern)
    ]
    assert all(0 < item.weight < 1 for item in (*rule.evidence, *rule.against))
    assert rule.refutation
    assert rule.source
    assert all(fnmatch.filter(CAUSES, pattern) for pattern in rule.explains)


@pytest.mark.parametrize("rule", RULES, ids=RULE_IDS)
def test_the_command_of_a_rule_exists(rule: CauseRule) -> None:
    for command in (rule.command, *(command for _, command in rule.other_commands)):
        require_command(command.format(part="database", service="backend", subject="sg-1"))


def require_command(line: str) -> None:
    words = shlex.split(line)
    assert words[0] in ("ops", "pulumi", "aws"), line
    if words[0] == "ops":
        tree = build_command_tree()
        length = max(n for n in range(1, 4) if tuple(words[1 : n + 1]) in tree)
        node = tree[tuple(words[1 : length + 1])]
        assert not node.members, line
        options = [word for word in words if word.startswith("--") and word != "--"]
        assert set(options) <= set(node.options), line


def test_no_cause_explains_itself_by_way_of_another() -> None:
    explained = {
        rule.cause: {c for p in rule.explains for c in fnmatch.filter(CAUSES, p)} for rule in RULES
    }

    def reach(cause: str, passed: tuple[str, ...] = ()) -> None:
        assert cause not in passed, (*passed, cause)
        for other in explained.get(cause, ()):
            reach(other, (*passed, cause))

    for cause in explained:
        reach(cause)


def test_quiet_facts_have_no_cause() -> None:
    assert not rank_causes(RULES, Facts(()), find_sources)


def test_looks_have_names_of_their_own() -> None:
    names = [reader.name for reader in READERS]
    assert len(set(names)) == len(names)
    assert all(reader.load_routine() for reader in READERS)


@pytest.mark.parametrize("name", CAUSES)
def test_the_settings_of_a_remedy_exist(name: str) -> None:
    remedy = re.sub("`[^`]*`", "", CAUSES[name].remedy)
    assert remedy.strip(), name
    for path in re.findall(r"\b[a-zA-Z]+(?:\.[a-zA-Z]+)+\b", remedy):
        assert find_field_at(tuple(path.split("."))) is not None, path
