"""What CloudWatch Logs takes as a filter pattern; the examples are its User Guide's."""

import pytest

from components.facts.filter_pattern import validate_filter_pattern
from components.settings import SettingsError
from ops.health.logs import POSTGRES_ERROR_PATTERN, PROGRAM_ERROR_PATTERN
from tests.world import build_settings

VALID_PATTERNS = (
    PROGRAM_ERROR_PATTERN,
    POSTGRES_ERROR_PATTERN,
    "ERROR",
    "ERROR ARGUMENTS",
    "?ERROR ?ARGUMENTS",
    "ERROR -ARGUMENTS",
    '"INTERNAL SERVER ERROR"',
    r'"say \"no\""',
    "%AUTHORIZED%",
    r"%\x28failed\x29%",
    '{ $.eventType = "UpdateTrail" }',
    "{ $.sourceIPAddress != 123.123.* }",
    '{ $.arrayKey[0] = "value" }',
    "{ $.['cluster.name'] = \"c\" }",
    "{ $.bandwidth > 75 }",
    "{ $.latency <= 1e-1 }",
    "{ $.sourceIPAddress IS NULL }",
    "{ $.SomeOtherObject NOT EXISTS }",
    "{ $.processed IS TRUE }",
    '{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }',
    '{ ($.a = 1 || $.b = "x") && $.c = %[Ee]rror% }',
    "[ip, user, username, timestamp, request, status_code, bytes > 1000]",
    "[..., status_code = 4*, bytes]",
    "[w1=ERROR || w1=%WARN%, w2]",
)
REFUSED_PATTERNS = (
    ("level=error", "in double quotes"),
    ("error:", "in double quotes"),
    ('"unclosed', "in double quotes"),
    ("?ERROR FATAL", "? before every term or before none"),
    ("   ", "an empty one matches every line"),
    ("%error", "must end its regular expression with %"),
    ("%(error|fatal)%", "without '('"),
    ("%something!%", "without '!'"),
    ("%[a-%", "valid regular expression"),
    ("%%", "without 'nothing'"),
    ("{ $.level = error", "must end with }"),
    ("{ level = error }", "a selector like $.level"),
    ("{ $.level == error }", "a value after $.level ="),
    ("{ $.level }", "must compare $.level by"),
    ("{ $.level = a $.b = c }", "&& or || before '$.b'"),
    ("{ ($.level = error }", "close each parenthesis"),
    ("{ }", "a selector like $.level"),
    ("{ $.a = %a% && $.b = %b% && $.c = %c% }", "at most 2 regular expressions, not 3"),
    ("{ $.level = 'error' }", 'without "\'"'),
    ("[ip, user", "must end with ]"),
    ("[ip user]", "comma between two fields"),
    ("[ip, , user]", "a field's name"),
)


@pytest.mark.parametrize("pattern", VALID_PATTERNS)
def test_a_valid_pattern_stays_as_it_is(pattern: str) -> None:
    assert validate_filter_pattern(pattern) == pattern


@pytest.mark.parametrize(("pattern", "message_part"), REFUSED_PATTERNS)
def test_a_pattern_that_aws_would_refuse_says_what_it_must_be(
    pattern: str, message_part: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        build_settings({"logs": {"errorPattern": pattern}})
    (line,) = [text for text in str(refusal.value).splitlines() if "errorPattern" in text]
    assert f"bulwark:logs.errorPattern is {pattern!r}, must " in line
    assert message_part in line
