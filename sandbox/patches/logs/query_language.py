"""A part of the query language of CloudWatch Logs Insights: what is not in it is refused.

Commands: fields, display, filter, parse with a regular expression, stats, sort, limit. Functions:
coalesce, ispresent, and in stats count, sum, avg, min, max, pct and bin. Source: CloudWatch Logs
User Guide, "CloudWatch Logs Insights language query syntax".
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sandbox.patches.patching import AwsError

Row = dict[str, Any]
QUERY_TOKEN_PATTERN: Final = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<number>\d+(?:\.\d+)?(?![\w.]))"""
    r"""|(?P<span>\d+[smhd]\b)|(?P<regex>/(?:[^/\\]|\\.)+/)|(?P<name>[@A-Za-z_][\w.@]*)"""
    r"""|(?P<mark>!=|<=|>=|[=<>(),|*]))"""
)
SPAN_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Fields that AWS finds in flow logs of the default format (VPC User Guide).
FLOW_FIELDS: Final = (
    "version accountId interfaceId srcAddr dstAddr srcPort dstPort protocol packets bytes start "
    "end action logStatus"
).split()
FLOW_LINE_PATTERN: Final = re.compile(r"2 \d{12} eni-\S+( \S+){11}")
AGGREGATES: Final = ("count", "sum", "avg", "min", "max", "pct")
Expression = Callable[[Row], Any]
Token = tuple[str, str]


def run_insights_query(text: str, rows: Iterable[Row]) -> tuple[list[Row], int]:
    """Returns the rows of a query, and how many lines its filters matched. Raises AwsError."""
    reader = _Reader(_tokenize(text))
    current, matched = list(rows), -1
    shown: tuple[str, ...] = ("@timestamp", "@message")
    is_aggregated = False
    while reader.tokens:
        command = reader.take_name()
        if command in ("fields", "display"):
            named = reader.read_named_expressions()
            current = [row | {name: value(row) for name, value in named} for row in current]
            shown = tuple(name for name, _ in named)
        elif command == "filter":
            condition = reader.read_condition()
            current = [row for row in current if condition(row)]
        elif command == "parse":
            current = [row | reader_match for row, reader_match in _parse(reader, current)]
        elif command == "stats":
            matched = len(current)
            current = reader.read_stats(current)
            is_aggregated = True
        elif command == "sort":
            current = reader.read_sort(current)
        elif command == "limit":
            current = current[: int(reader.take("number"))]
        else:
            raise _build_syntax_error(command)
        if reader.tokens:
            reader.take("mark", "|")
    if is_aggregated:
        return current, matched
    visible = [{name: row[name] for name in shown if row.get(name) is not None} for row in current]
    return visible, len(current)


def build_row(message: str, time_ms: int, stream: str, group: str) -> Row:
    """The fields that AWS finds in a line: its own, those of JSON, and those of a flow log."""
    time = datetime.fromtimestamp(time_ms / 1000, UTC)
    row: Row = {
        "@timestamp": f"{time:%Y-%m-%d %H:%M:%S}.{time_ms % 1000:03}",
        "@message": message,
        "@logStream": stream,
        "@log": group,
        "sandbox time": time_ms,
    }
    if FLOW_LINE_PATTERN.fullmatch(message):
        row |= zip(FLOW_FIELDS, message.split(), strict=True)
    elif message.lstrip().startswith("{"):
        try:
            row |= dict(_flatten("", json.loads(message)))
        except (ValueError, RecursionError):  # the second if it is nested too deeply
            return row
    return row


def _flatten(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flatten(f"{prefix}.{key}" if prefix else key, inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _flatten(f"{prefix}.{number}", inner)
    elif value is not None:
        yield prefix, value


def _parse(reader: "_Reader", rows: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    field = reader.take("name")
    expression = _compile(reader.take("regex"))
    for row in rows:
        match = expression.search(str(row.get(field, "")))
        yield row, {} if match is None else match.groupdict()


def _tokenize(text: str) -> list[Token]:
    tokens: list[Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = QUERY_TOKEN_PATTERN.match(text, position)
        if match is None:
            raise _build_syntax_error(text[position : position + 20].strip())
        tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
        position = match.end()
    if not tokens:
        raise _build_syntax_error("an empty query")
    return tokens


def _build_syntax_error(what: str) -> AwsError:
    return AwsError("MalformedQueryException", f"unexpected symbol found {what}")


def _compile(regex: str) -> re.Pattern[str]:
    try:
        return re.compile(regex[1:-1].replace("(?<", "(?P<"), re.DOTALL)
    except re.error:
        raise _build_syntax_error(regex) from None


class _Reader:
    """Reads a query's tokens."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens

    def peek(self) -> str:
        return self.tokens[0][1] if self.tokens else ""

    def take(self, kind: str, text: str | None = None) -> str:
        if not self.tokens or self.tokens[0][0] != kind or text not in (None, self.peek()):
            raise _build_syntax_error(self.peek() or "the end")
        return self.tokens.pop(0)[1]

    def take_name(self) -> str:
        return self.take("name").lower()

    def take_if(self, text: str) -> bool:
        if self.peek().lower() == text:
            self.tokens.pop(0)
            return True
        return False

    def read_named_expressions(self) -> list[tuple[str, Expression]]:
        named = []
        while True:
            start = self.peek()
            expression = self.read_expression()
            named.append((self.take("name") if self.take_if("as") else start, expression))
            if not self.take_if(","):
                return named

    def read_expression(self) -> Expression:
        kind, text = self.tokens.pop(0) if self.tokens else ("", "the end")
        if kind == "text":
            value: Any = text[1:-1]
            return lambda _: value
        if kind == "number":
            number = float(text)
            return lambda _: number
        if kind != "name":
            raise _build_syntax_error(text)
        if self.peek() != "(":
            return lambda row: row.get(text)
        arguments = self.read_arguments()
        if text == "coalesce":
            return lambda row: next(
                (value for each in arguments if (value := each(row)) is not None), None
            )
        if text == "ispresent":
            return lambda row: arguments[0](row) is not None
        raise _build_syntax_error(text)

    def read_arguments(self) -> list[Expression]:
        self.take("mark", "(")
        arguments = [self.read_expression()]
        while self.take_if(","):
            arguments.append(self.read_expression())
        self.take("mark", ")")
        return arguments

    def read_condition(self) -> Expression:
        """Conditions that `or` joins; `and` binds closer."""
        conditions = [self._read_and()]
        while self.take_if("or"):
            conditions.append(self._read_and())
        return lambda row: any(condition(row) for condition in conditions)

    def _read_and(self) -> Expression:
        conditions = [self._read_comparison()]
        while self.take_if("and"):
            conditions.append(self._read_comparison())
        return lambda row: all(condition(row) for condition in conditions)

    def _read_comparison(self) -> Expression:
        if self.take_if("not"):
            inner = self._read_comparison()
            return lambda row: not inner(row)
        if self.take_if("("):
            condition = self.read_condition()
            self.take("mark", ")")
            return condition
        left = self.read_expression()
        if self.take_if("like"):
            if self.tokens and self.tokens[0][0] == "regex":
                expression = _compile(self.take("regex"))
            else:
                expression = re.compile(re.escape(self.take("text")[1:-1]))
            return lambda row: expression.search(str(left(row) or "")) is not None
        operator = self.peek()
        if operator not in ("=", "!=", "<", ">", "<=", ">="):
            return left
        self.tokens.pop(0)
        right = self.read_expression()
        return lambda row: _compare(left(row), operator, right(row))

    def read_stats(self, rows: Sequence[Row]) -> list[Row]:
        """Reads aggregates and what they are by, and computes them; in no order but that found."""
        aggregates = [self._read_aggregate()]
        while self.take_if(","):
            aggregates.append(self._read_aggregate())
        keys: list[tuple[str, Expression]] = []
        if self.take_if("by"):
            keys.append(self._read_key())
            while self.take_if(","):
                keys.append(self._read_key())
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(key(row) for _, key in keys), []).append(row)
        return [
            {name: value for (name, _), value in zip(keys, group, strict=True) if value is not None}
            | {name: aggregate(members) for name, aggregate in aggregates}
            for group, members in groups.items()
        ]

    def _read_key(self) -> tuple[str, Expression]:
        if self.peek() != "bin":
            name = self.take("name")
            return name, lambda row: row.get(name)
        self.tokens.pop(0)
        self.take("mark", "(")
        text = self.take("span")
        self.take("mark", ")")
        step = int(text[:-1]) * SPAN_SECONDS[text[-1]] * 1000
        name = self.take("name") if self.take_if("as") else f"bin({text})"

        def floor(row: Row) -> str:
            time = datetime.fromtimestamp(row["sandbox time"] // step * step / 1000, UTC)
            return f"{time:%Y-%m-%d %H:%M:%S}.000"

        return name, floor

    def _read_aggregate(self) -> tuple[str, Callable[[Sequence[Row]], Any]]:
        function = self.take("name")
        if function not in AGGREGATES:
            raise _build_syntax_error(function)
        self.take("mark", "(")
        name, percent, operand = function, 0.0, None
        if not self.take_if("*"):
            operand = self.read_expression()
        if self.take_if(","):
            percent = float(self.take("number"))
        self.take("mark", ")")
        if self.take_if("as"):
            name = self.take("name")

        def aggregate(rows: Sequence[Row]) -> Any:
            if operand is None:
                return len(rows)
            values = [value for row in rows if (value := operand(row)) is not None]
            if function == "count":
                return len(values)
            numbers = sorted(n for value in values if (n := _parse_number(value)) is not None)
            return _aggregate(function, numbers, percent)

        return name, aggregate

    def read_sort(self, rows: list[Row]) -> list[Row]:
        """Reads fields and directions, and sorts: numbers as numbers, what is absent last."""
        orders = []
        while True:
            name = self.take("name")
            is_descending = self.take_if("desc") or not self.take_if("asc")
            orders.append((name, is_descending))
            if not self.take_if(","):
                break
        for name, is_descending in reversed(orders):
            rows = sorted(rows, key=lambda row: _sort_key(row.get(name)), reverse=is_descending)
        return rows


def _aggregate(function: str, numbers: Sequence[float], percent: float) -> Any:
    if not numbers:
        return ""
    match function:
        case "sum":
            result = math.fsum(numbers)
        case "avg":
            result = math.fsum(numbers) / len(numbers)
        case "min":
            result = numbers[0]
        case "max":
            result = numbers[-1]
        case _:
            result = numbers[max(math.ceil(percent / 100 * len(numbers)) - 1, 0)]
    return int(result) if result == int(result) else round(result, 4)


def _parse_number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _sort_key(value: Any) -> tuple[int, float, str]:
    number = _parse_number(value)
    if number is not None:
        return 1, number, ""
    return (0, 0.0, "") if value is None else (2, 0.0, str(value))


def _compare(left: Any, operator: str, right: Any) -> bool:
    if left is None or right is None:
        return operator == "!=" and left is not right
    numbers = _parse_number(left), _parse_number(right)
    first, second = numbers if None not in numbers else (str(left), str(right))
    comparison: dict[str, Callable[[], bool]] = {
        "=": lambda: first == second,
        "!=": lambda: first != second,
        "<": lambda: first < second,  # type: ignore[operator]
        ">": lambda: first > second,  # type: ignore[operator]
        "<=": lambda: first <= second,  # type: ignore[operator]
        ">=": lambda: first >= second,  # type: ignore[operator]
    }
    return comparison[operator]()
