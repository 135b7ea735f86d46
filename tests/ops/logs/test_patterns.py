"""What people type, as a filter pattern that CloudWatch Logs takes."""

import pytest

from components.facts.filter_pattern import validate_filter_pattern
from ops.core.errors import UsageError
from ops.logs.patterns import build_line_filter
from sandbox.patches.logs.patterns import matches_filter_pattern

SPACED = '{ "level" : "ERROR" , "status": 502, "user": {"id": "7", "tags": ["a", "b"]} }'
DENSE = '{"level":"ERROR","status":"502","user":{"id":7},"ok":true}'
OTHER = '{"level":"INFO","status":200}'


@pytest.mark.parametrize(
    ("fields", "matching"),
    [
        (["level=ERROR"], [SPACED, DENSE]),
        (["level=error"], []),
        (["level=ERR*"], [SPACED, DENSE]),
        (["level!=ERROR"], [OTHER]),
        (["status=502"], [SPACED, DENSE]),
        (["status!=502"], [OTHER]),
        (["status>=500"], [SPACED]),
        (["status<500"], [OTHER]),
        (["user.id=7"], [SPACED, DENSE]),
        (["user.tags[1]=b"], [SPACED]),
        (["ok=true"], [DENSE]),
        (["level=ERROR", "status>=500"], [SPACED]),
        (["message=a=b"], []),
    ],
)
def test_fields_match_whatever_the_spacing_of_the_json(
    fields: list[str], matching: list[str]
) -> None:
    pattern = build_line_filter([], fields, None).pattern
    assert validate_filter_pattern(pattern) == pattern
    lines = [SPACED, DENSE, OTHER, "level=ERROR status=502", "[1]"]
    assert [line for line in lines if matches_filter_pattern(pattern, line)] == matching


@pytest.mark.parametrize(
    ("texts", "message", "matches"),
    [
        (["no such table"], "ERROR: no such table", True),
        (["no such table"], "no table such", False),
        (["refused", "10.0.0.7"], "10.0.0.7 refused it", True),
        (["refused", "10.0.0.8"], "10.0.0.7 refused it", False),
        (['"level":"error"'], '{"level":"error"}', True),
        (["C:\\logs"], "in C:\\logs", True),
        (["-x"], "with -x", True),
        (["?y"], "what ?y", True),
        (["%a%"], "a", False),
        (["{ $.level }"], "x { $.level } y", True),
    ],
)
def test_search_text_is_matched_literally(texts: list[str], message: str, matches: bool) -> None:
    line_filter = build_line_filter(texts, [], None)
    assert validate_filter_pattern(line_filter.pattern) == line_filter.pattern
    assert matches_filter_pattern(line_filter.pattern, message) is matches
    assert line_filter.has_texts(message) is matches


def test_text_beside_fields_is_looked_for_in_what_they_find() -> None:
    line_filter = build_line_filter(["502"], ["level=ERROR"], None)
    assert line_filter.pattern == '{ ($.level = "ERROR") }'
    assert line_filter.has_texts(SPACED)
    assert not line_filter.has_texts(OTHER)


@pytest.mark.parametrize(
    ("texts", "fields", "pattern", "message"),
    [
        ([], ["level"], None, "--field must be a field of JSON compared with a value"),
        ([], ["level="], None, "--field must have a value after ="),
        ([], ["status>=many"], None, "--field status>=many compares by >=: it must have a number"),
        ([], [], "a-b", "--pattern must have a-b in double quotes"),
        (["x"], [], "y", "--pattern must be without TEXT"),
        ([""], [], None, "TEXT must not be empty"),
        (["x" * 1100], [], None, "TEXT, --field and --pattern must be at most 1024 characters"),
    ],
)
def test_an_impossible_filter_is_refused(
    texts: list[str], fields: list[str], pattern: str | None, message: str
) -> None:
    with pytest.raises(UsageError) as refused:
        build_line_filter(texts, fields, pattern)
    assert str(refused.value).startswith(message)
