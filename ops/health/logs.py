"""Lines of the last hour's logs that are errors: of the services, the fleet and the database.

Flow logs tell of connections and have no errors. The newest lines are read first, and only some
pages of them: in a busy group the filter has more to look through than a health check can wait for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ops.core.checks import (
    CUT,
    HOUR,
    Answer,
    Check,
    Facts,
    Finding,
    Looking,
    Read,
    UnknownError,
    iso,
    read,
)
from ops.outputs import Outputs

FILTER: Final = "logs.filter_log_events"
AREA: Final = "logs"
# CloudWatch Logs User Guide, "Filter pattern syntax": any of the terms, whose case matters.
PROGRAM: Final = r'?ERROR ?FATAL ?CRITICAL ?PANIC ?Traceback ?"panic:" ?"\"level\":\"error\""'
POSTGRES: Final = '?"ERROR:" ?"FATAL:" ?"PANIC:"'
MANY: Final = 10  # an assumption: a client's mistake now and then is nobody's alarm
PAGES: Final = 3
LIMIT: Final = 100  # lines to a page
# One call a group, of which CloudWatch Logs takes five a second in some regions (its quotas).
GROUPS: Final = 50
SHOWN: Final = 100  # characters of the newest line
NAMED: Final = r"(?:pass(?:word|wd|phrase)?|secret|token|authorization|api[-_]?key|credentials?)"
# What may be a secret in a line: a value by its name, a password in a URL, anything long and mixed.
SECRETS: Final = (
    (
        re.compile(rf"(?i)({NAMED}\w*[\"']?\s*[=:]\s*)(?:bearer\s+|basic\s+)?[\"']?[^\s\"',;&]+"),
        r"\1***",
    ),
    (re.compile(r"(://[^\s:/@]*:)[^\s@]+@"), r"\1***@"),
    (re.compile(r"(?=[A-Za-z+/_=.-]*\d)(?=[\d+/_=.-]*[A-Za-z])[A-Za-z\d+/_=.-]{20,}"), "***"),
)


@dataclass(frozen=True)
class Group:
    """A log group, whose it is and what an error looks like in it."""

    of: str
    name: str
    pattern: str

    @property
    def help(self) -> str:
        """The command that shows it."""
        return f"aws logs tail {self.name} --since 1h"

    def read(self, facts: Facts, back: float = HOUR) -> Read:
        """The errors of the last hour, or of so many seconds, the newest first."""
        now = int(facts.now.timestamp() * 1000)
        return read(
            FILTER,
            "events",
            most=PAGES,
            logGroupName=self.name,
            filterPattern=self.pattern,
            startTime=now - int(back * 1000),
            endTime=now,
            startFromHead=False,
            limit=LIMIT,
        )


def groups(outputs: Outputs) -> Iterator[Group]:
    """The log groups that are looked at."""
    for name in outputs.database.log_groups:
        yield Group(f"database {name.rsplit('/', 1)[-1]}", name, POSTGRES)
    if outputs.fleet is not None:
        yield Group("fleet", outputs.fleet.log_group, PROGRAM)
    for service in outputs.services.services.values() if outputs.services is not None else ():
        yield Group(service.name, service.log_group, PROGRAM)


def errors(facts: Facts) -> Looking:
    """Few lines of the last hour are errors. Of very many groups some are read, unless asked for.

    All are where the area is asked for by its name: `ops health --only logs`.
    """
    there = list(groups(facts.outputs))
    looked = there if AREA in facts.asked else there[:GROUPS]
    answers = yield [group.read(facts) for group in looked]
    found = [_errors(group, answer) for group, answer in zip(looked, answers, strict=True)]
    bad = [finding for finding in found if finding.state != "ok"]
    if bad:
        return bad
    seen = "; ".join(
        f"{finding.subject}: {finding.evidence}" for finding in found if finding.evidence
    )
    evidence = f"of {len(looked)} log groups none has more than {MANY} in the last hour"
    evidence += f" ({seen})" if seen else ""
    if len(looked) < len(there):
        evidence += f"; {len(there) - len(looked)} others are read by `ops health --only {AREA}`"
    subject = "errors" if len(looked) == len(there) else f"errors of {len(looked)} groups"
    return [Finding("ok", AREA, subject, evidence)]


def _errors(group: Group, answer: Answer) -> Finding:
    subject = f"errors of {group.of}"
    if isinstance(answer, UnknownError):
        return Finding("unknown", AREA, subject, str(answer), answer.advice)
    lines = [item for item in answer if item != CUT]
    cut = len(lines) < len(answer)
    if not lines and not cut:
        return Finding("ok", AREA, subject, "")
    evidence = f"{'at least ' if cut else ''}{len(lines)} in the last hour"
    if lines:
        newest = max(lines, key=lambda line: int(line["timestamp"]))
        when = iso(int(newest["timestamp"]) // 1000)
        evidence += f", the newest at {when}: {shown(str(newest['message']))}"
    if len(lines) > MANY:
        return Finding("failing", AREA, subject, evidence, group.help)
    if cut:
        evidence += "; the group has more lines than were looked through"
        return Finding("unknown", AREA, subject, evidence, group.help)
    return Finding("ok", AREA, subject, evidence)


def shown(message: str) -> str:
    """The beginning of a line, without what may be a secret in it."""
    line = message.strip().partition("\n")[0][: 10 * SHOWN]
    for pattern, instead in SECRETS:
        line = pattern.sub(instead, line)
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."


CHECKS = (Check(AREA, "errors", errors, (FILTER,), lambda o: any(groups(o))),)
