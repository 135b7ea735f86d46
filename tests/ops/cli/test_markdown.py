"""Text from outside in Markdown: each character is only that character."""

import pytest

from ops.cli.markdown import escape_markup, format_code
from ops.github.comments import _format_code_block


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<img src=x>", "&#60;img src=x&#62;"),
        ("@org/team #12", "&#64;org/team &#35;12"),
        ("a|b\n## [x](y)", "a&#124;b &#35;&#35; &#91;x&#93;(y)"),
        ("https://evil.example www.evil.example", "https&#58;//evil.example www&#46;evil.example"),
        ("arn:aws:iam::1:role/x", "arn:aws:iam::1:role/x"),
        ("\x1b[2Kx", "&#91;2Kx"),
    ],
)
def test_text_is_no_markup(text: str, shown: str) -> None:
    assert escape_markup(text) == shown


def test_code_ends_where_it_should() -> None:
    assert format_code("a`b|c\x1b\nd") == "`a'b/c d`"


def test_a_report_in_an_issue_has_no_control_characters_and_stays_in_its_block() -> None:
    block = _format_code_block("ok\n```\n@all \x1b[2K")
    assert block.startswith("````text\n")
    assert block.endswith("\n````\n")
    assert "\x1b" not in block
