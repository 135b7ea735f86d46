"""Filter patterns of CloudWatch Logs, checked before AWS sees them.

Rules: CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters,
filter log events, and Live Tail", and its pages on unstructured, JSON and space-delimited events.
What they leave open is refused only if AWS is known to refuse it.
"""

import re
from typing import Annotated, Final

from pydantic import AfterValidator

# A term with anything but letters, digits and underscores must be in double quotes; AWS answers
# "Invalid character(s) in term" otherwise.
TERM_PATTERN: Final = re.compile(r'[-?]?(?:\w+|"(?:[^"\\]|\\.)+")')
TERM_SEPARATOR_PATTERN: Final = re.compile(r"\s+")
# Letters, digits, : _ # = @ / ; , - and the operators; no parentheses, no multi-byte characters.
# Spaces: assumed.
EXPRESSION_PATTERN: Final = re.compile(r"[A-Za-z0-9:_#=@/;,\-^$?\[\]{}|\\*+. ]+")
MAX_EXPRESSIONS: Final = 2  # regular expressions in a JSON or space-delimited pattern
TOKEN_PATTERN: Final = re.compile(
    r"""\s*(?:
        (?P<expression>%[^%]*%)
      | (?P<text>"(?:[^"\\]|\\.)*")
      | (?P<selector>\$(?:\.?\[(?:\d+|\*|'[^']+'|"[^"]+")\]|\.[\w-]+|\.\*)+)
      | (?P<operator>&&|\|\||!=|<=|>=|=|<|>)
      | (?P<mark>[(),])
      | (?P<ellipsis>\.\.\.)
      | (?P<word>[\w.*:/-]+)
    )""",
    re.VERBOSE,
)
COMPARISONS: Final = ("=", "!=", "<", ">", "<=", ">=")
VALUE_KINDS: Final = ("expression", "text", "word")
Token = tuple[str, str]  # its kind, and its text


class _Condition:
    """Reads conditions like `$.level = "error" && ($.code = 5* || $.code NOT EXISTS)`."""

    def __init__(self, tokens: list[Token], field_kind: str) -> None:
        self.tokens = tokens
        self.field_kind = field_kind  # of what is compared: a selector in JSON, else a word

    def peek(self) -> Token:
        """The next token; kind and text are empty at the end."""
        return self.tokens[0] if self.tokens else ("", "")

    def take(self) -> Token:
        """The next token, which is not read again."""
        return self.tokens.pop(0) if self.tokens else ("", "")

    def read(self) -> None:
        """Reads conditions that && and || join. Raises ValueError."""
        self.read_one()
        while self.peek()[1] in ("&&", "||"):
            self.take()
            self.read_one()

    def read_one(self) -> None:
        """Reads one condition, or several in parentheses. Raises ValueError."""
        kind, text = self.take()
        if text == "(" and kind == "mark":
            self.read()
            if self.take()[1] != ")":
                raise ValueError("must close each parenthesis")
            return
        if kind != self.field_kind:
            field_description = (
                "a selector like $.level" if self.field_kind == "selector" else "a field's name"
            )
            raise ValueError(f"must have {field_description} at {text or 'its end'!r}")
        self.read_comparison(text)

    def read_comparison(self, field: str) -> None:
        """Reads what a field is compared with. Raises ValueError."""
        kind, text = self.peek()
        if self.field_kind == "word" and kind != "operator":
            return  # a field that is only named
        self.take()
        second = self.peek()[1].upper()
        if (text.upper(), second) in (
            ("IS", "TRUE"),
            ("IS", "FALSE"),
            ("IS", "NULL"),
            ("NOT", "EXISTS"),
        ):
            self.take()
            return
        if text not in COMPARISONS:
            raise ValueError(
                f"must compare {field} by {', '.join(COMPARISONS)}, IS TRUE, IS FALSE, IS NULL or "
                f"NOT EXISTS, not {text or 'nothing'!r}"
            )
        if self.take()[0] not in VALUE_KINDS:
            raise ValueError(f"must have a value after {field} {text}")


def validate_filter_pattern(pattern: str) -> str:
    """Returns a filter pattern as it is. Raises ValueError if CloudWatch Logs would refuse it."""
    text = pattern.strip()
    if not text:
        raise ValueError("must be a filter pattern, an empty one matches every line")
    if text.startswith("{"):
        _validate_json_pattern(text)
    elif text.startswith("["):
        _validate_field_pattern(text)
    elif text.startswith("%"):
        if len(text) < 2 or not text.endswith("%"):
            raise ValueError("must end its regular expression with %")
        _validate_expression(text)
    else:
        _validate_terms(text)
    return pattern


def _validate_terms(text: str) -> None:
    position = 0
    marks = set()
    while position < len(text):
        match = TERM_PATTERN.match(text, position)
        end = match.end() if match else position
        separator = TERM_SEPARATOR_PATTERN.match(text, end)
        if match is None or (end < len(text) and separator is None):
            wrong = text[position:].split()[0]
            raise ValueError(
                f'must have {wrong} in double quotes, like "{wrong.strip(chr(34))}": only letters, '
                "digits and _ are allowed without"
            )
        marks.add(match.group()[0] == "?")
        position = separator.end() if separator else end
    if len(marks) > 1:
        raise ValueError("must have ? before every term or before none: AWS ignores the ? else")


def _validate_json_pattern(text: str) -> None:
    if not text.endswith("}"):
        raise ValueError("must end with } as it begins with {")
    tokens = _tokenize(text[1:-1])
    condition = _Condition(tokens, "selector")
    condition.read()
    if tokens:
        raise ValueError(f"must have && or || before {tokens[0][1]!r}")


def _validate_field_pattern(text: str) -> None:
    if not text.endswith("]"):
        raise ValueError("must end with ] as it begins with [")
    tokens = _tokenize(text[1:-1])
    while True:
        if tokens and tokens[0][0] == "ellipsis":
            tokens.pop(0)
        else:
            _Condition(tokens, "word").read()
        if not tokens:
            return
        if tokens.pop(0)[1] != ",":
            raise ValueError("must have a comma between two fields")


def _tokenize(text: str) -> list[Token]:
    tokens: list[Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = TOKEN_PATTERN.match(text, position)
        if match is None or match.lastgroup is None:
            raise ValueError(f"must be written without {text[position:].strip()[0]!r}, or quote it")
        tokens.append((match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    expressions = [value for kind, value in tokens if kind == "expression"]
    if len(expressions) > MAX_EXPRESSIONS:
        raise ValueError(
            f"must have at most {MAX_EXPRESSIONS} regular expressions, not {len(expressions)}"
        )
    for expression in expressions:
        _validate_expression(expression)
    return tokens


def _validate_expression(text: str) -> None:
    expression = text[1:-1]
    match = EXPRESSION_PATTERN.match(expression)
    end = match.end() if match else 0
    if end < len(expression) or not expression:
        wrong = expression[end : end + 1] or "nothing"
        raise ValueError(
            f"must have a regular expression without {wrong!r} between its %: CloudWatch Logs "
            r"takes letters, digits, : _ # = @ / ; , - and ^ $ ? [ ] { } | \ * + . (others as \x28)"
        )
    try:
        re.compile(expression)
    except re.error as error:
        raise ValueError(f"must have a valid regular expression between its %: {error}") from None


FilterPattern = Annotated[str, AfterValidator(validate_filter_pattern)]
