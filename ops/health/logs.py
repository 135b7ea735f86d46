"""Lines of the last hour's logs that are errors: of the services, the fleet and the database.

Flow logs have no errors. Only some pages are read, the newest lines first: in a busy group the
filter takes longer than a health check can wait for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from components.facts.units import HOUR_SECONDS
from ops.core.checks import (
    TRUNCATED,
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ReadAnswer,
    ReadRequest,
    UnknownAnswerError,
    build_read,
    format_epoch_time,
)
from ops.core.log_apis import LOG_EVENTS_API
from ops.outputs import Outputs

LOGS_AREA: Final = "logs"
# What programs write of an error, whatever its format: the word in capitals, in brackets, as a
# level or severity (text or JSON, with a space or none; 50 and 60 are pino's), an exception's name
# or a traceback. Any match in a line counts, case matters, and a pattern has no parentheses.
# Source: CloudWatch Logs User Guide, "Supported regular expressions (regex) syntax".
PROGRAM_ERROR_EXPRESSIONS: Final = (
    "ERROR",
    "FATAL",
    "CRITICAL",
    "PANIC",
    "panic:",
    "Traceback",
    "Exception",
    "Error:",
    r"\[[Ee]rr",
    r"\[[Ff]atal",
    r"\[[Cc]rit",
    r"[Ll]e?ve?l\W{1,5}[Ee]rr",
    r"[Ll]e?ve?l\W{1,5}[Ff]atal",
    r"[Ll]e?ve?l\W{1,5}[Cc]rit",
    r"[Ll]evel\W{2,4}[56]0\W",
    r"[Ss]everity\W{1,5}[Ee]rr",
    r"[Ss]everity\W{1,5}[Cc]rit",
)
PROGRAM_ERROR_PATTERN: Final = f"%{'|'.join(PROGRAM_ERROR_EXPRESSIONS)}%"
POSTGRES_ERROR_PATTERN: Final = '?"ERROR:" ?"FATAL:" ?"PANIC:"'
MAX_ERROR_LINES: Final = 10  # an assumption: a few are mistakes of clients
MAX_LOG_PAGES: Final = 3
LINES_PER_PAGE: Final = 100  # lines to a page
# One call a group, of which CloudWatch Logs takes five a second in some regions (its quotas).
MAX_LOG_GROUPS: Final = 50
SHOWN_LINE_CHARACTERS: Final = 100  # characters of the newest line
SENSITIVE_NAME_PATTERN: Final = (
    r"(?:pass(?:word|wd|phrase)?|secret|token|authorization|api[-_]?key|credentials?)"
)
# What may be a secret in a line: a value by its name, a password in a URL, anything long and mixed.
SECRET_PATTERNS: Final = (
    (
        re.compile(
            rf"(?i)({SENSITIVE_NAME_PATTERN}\w*[\"']?\s*[=:]\s*)(?:bearer\s+|basic\s+)?[\"']?[^\s\"',;&]+"
        ),
        r"\1***",
    ),
    (re.compile(r"(://[^\s:/@]*:)[^\s@]+@"), r"\1***@"),
    (re.compile(r"(?=[A-Za-z+/_=.-]*\d)(?=[\d+/_=.-]*[A-Za-z])[A-Za-z\d+/_=.-]{20,}"), "***"),
)


@dataclass(frozen=True)
class LogGroup:
    """A log group, whose it is, the part that `ops logs` knows it as, and what an error is."""

    owner: str
    part: str
    name: str
    pattern: str

    @property
    def tail_command(self) -> str:
        """The command that shows it."""
        return f"ops logs errors {self.part} --since 1h"

    def build_errors_read(
        self, facts: CheckFacts, lookback_seconds: float = HOUR_SECONDS
    ) -> ReadRequest:
        """Builds the read of the errors of the last `lookback_seconds`, the newest first."""
        end_ms = int(facts.now.timestamp() * 1000)
        return build_read(
            LOG_EVENTS_API,
            "events",
            max_pages=MAX_LOG_PAGES,
            logGroupName=self.name,
            filterPattern=self.pattern,
            startTime=end_ms - int(lookback_seconds * 1000),
            endTime=end_ms,
            startFromHead=False,
            limit=LINES_PER_PAGE,
        )


def list_log_groups(outputs: Outputs) -> Iterator[LogGroup]:
    """The log groups that are searched for errors."""
    for name in outputs.database.log_groups:
        log_type = name.rsplit("/", 1)[-1]
        part = "database" if log_type == "postgresql" else f"database/{log_type}"
        yield LogGroup(f"database {log_type}", part, name, POSTGRES_ERROR_PATTERN)
    program_pattern = outputs.stack.log_error_pattern or PROGRAM_ERROR_PATTERN
    if outputs.fleet is not None:
        yield LogGroup("fleet", "fleet", outputs.fleet.log_group, program_pattern)
    for service in outputs.services.services.values() if outputs.services is not None else ():
        yield LogGroup(service.name, f"service/{service.name}", service.log_group, program_pattern)


def check_log_errors(facts: CheckFacts) -> CheckRoutine:
    """At most MAX_ERROR_LINES lines of each group are errors in the last hour.

    Reads at most MAX_LOG_GROUPS groups, unless `ops health --only logs` selects the area.
    """
    all_groups = list(list_log_groups(facts.outputs))
    read_groups = all_groups if LOGS_AREA in facts.requested_areas else all_groups[:MAX_LOG_GROUPS]
    answers = yield [group.build_errors_read(facts) for group in read_groups]
    findings = [
        _build_errors_finding(group, answer)
        for group, answer in zip(read_groups, answers, strict=True)
    ]
    failing_findings = [finding for finding in findings if finding.state != "ok"]
    if failing_findings:
        return failing_findings
    notes = "; ".join(
        f"{finding.subject}: {finding.evidence}" for finding in findings if finding.evidence
    )
    evidence = (
        f"of {len(read_groups)} log groups none has more than {MAX_ERROR_LINES} in the last hour"
    )
    evidence += f" ({notes})" if notes else ""
    if len(read_groups) < len(all_groups):
        evidence += (
            f"; {len(all_groups) - len(read_groups)} others are read by `ops "
            f"health --only {LOGS_AREA}`"
        )
    subject = (
        "errors" if len(read_groups) == len(all_groups) else f"errors of {len(read_groups)} groups"
    )
    return [CheckFinding("ok", LOGS_AREA, subject, evidence)]


def _build_errors_finding(group: LogGroup, answer: ReadAnswer) -> CheckFinding:
    subject = f"errors of {group.owner}"
    if isinstance(answer, UnknownAnswerError):
        return CheckFinding("unknown", LOGS_AREA, subject, str(answer), answer.advice)
    lines = [item for item in answer if item != TRUNCATED]
    is_truncated = len(lines) < len(answer)
    if not lines and not is_truncated:
        return CheckFinding("ok", LOGS_AREA, subject, "")
    evidence = f"{'at least ' if is_truncated else ''}{len(lines)} in the last hour"
    if lines:
        newest_line = max(lines, key=lambda line: int(line["timestamp"]))
        newest_time = format_epoch_time(int(newest_line["timestamp"]) // 1000)
        evidence += f", the newest at {newest_time}: {redact_line(str(newest_line['message']))}"
    if len(lines) > MAX_ERROR_LINES:
        return CheckFinding("failing", LOGS_AREA, subject, evidence, group.tail_command)
    if is_truncated:
        evidence += "; the group has more lines than were read"
        return CheckFinding("unknown", LOGS_AREA, subject, evidence, group.tail_command)
    return CheckFinding("ok", LOGS_AREA, subject, evidence)


def redact_line(message: str) -> str:
    """Returns the beginning of a line, without anything that may be a secret."""
    line = message.strip().partition("\n")[0][: 10 * SHOWN_LINE_CHARACTERS]
    for pattern, replacement in SECRET_PATTERNS:
        line = pattern.sub(replacement, line)
    return line if len(line) <= SHOWN_LINE_CHARACTERS else f"{line[:SHOWN_LINE_CHARACTERS]}..."
