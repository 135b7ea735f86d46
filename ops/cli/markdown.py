"""Text from outside in GitHub's Markdown: shown as it is, without markup, mentions and links."""

import re
from typing import Final

from ops.cli.streams import clean_text

# Characters of Markdown, HTML and mentions, and what GitHub makes links of by itself.
MARKUP_PATTERN: Final = re.compile(r"[\\`*_\[\]<>|@#~&]|:(?=//)|(?<=www)\.", re.IGNORECASE)


def escape_markup(text: str) -> str:
    """Returns one line in which every character is only that character."""
    return MARKUP_PATTERN.sub(lambda match: f"&#{ord(match[0])};", format_line(text))


def format_code(text: str) -> str:
    """Formats a name as inline code, for tables too."""
    return f"`{format_line(text).replace('`', chr(39)).replace('|', '/')}`"


def format_line(text: str) -> str:
    """Returns the text on one line, without control characters."""
    return " ".join(clean_text(text).split())
