"""Why a preview failed: what Pulumi said, violations of policies first, by resource.

The JSON of a preview holds the engine's and the program's messages, and no violation
(PolicyViolationEvent is skipped in pulumi/pulumi, pkg/backend/display/json.go). The text output has
them, in a list for each policy pack (pulumi/pulumi#20232 shows one).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from ops.preview.document import Diagnostic

MAX_MESSAGE_CHARACTERS: Final = 2000  # characters of an error message to show
# Secrets in error messages that the engine does not know to be secret.
SECRET_PATTERN: Final = re.compile(
    r"(?i)((?:password|passwd|passphrase|secret|token|api_?key|credential)\w*[\"']?\s*[:=]\s*)"
    r"(\"[^\"]*\"|'[^']*'|\S+)|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)
# Messages that say that it failed, and not why.
EMPTY_REASONS: Final = frozenset(
    {
        "error: preview failed",
        "error: an unhandled error occurred: the program exited with 1",
        "error: update failed",
    }
)
PROGRAM_SEVERITY: Final = "info#err"  # what the program wrote to stderr
TRACEBACK_HEAD: Final = "Traceback (most recent call last):"
# What pulumi.RunError is for: a message to the person who deploys, without a traceback.
RUN_ERROR_PREFIX: Final = "pulumi.errors.RunError: "
# `- [mandatory] [severity: high]  rule  (aws:rds/instance:Instance: database)`; older engines
# write the pack before the rule, and the resource before its type.
VIOLATION_PATTERN: Final = re.compile(
    r"^(?P<indent>\s*)(?:- )?\[(?P<level>mandatory|advisory)\](?:\s*\[[^\]]*\])?\s+"
    r"(?:\S+ v\S+\s+)?(?P<rule>[\w.-]+)\s+\((?P<resource>.+)\)\s*$"
)
SECTION_PATTERN: Final = re.compile(r"^(Diagnostics|Policies|Policy Violations):\s*$")
ANSI_PATTERN: Final = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class PolicyViolation:
    """One violation, as Pulumi's text output lists it."""

    level: str
    rule: str
    resource: str
    lines: tuple[str, ...]

    @property
    def message(self) -> str:
        """Its resource, rule and text, on one line."""
        return redact(f"{self.resource}: {self.rule}: {' '.join(self.lines)}".rstrip(": "))


def redact(text: str) -> str:
    """Hides what looks like a secret and shortens the message."""
    redacted = SECRET_PATTERN.sub(lambda match: f"{match[1] or ''}[hidden]", text)
    return (
        redacted
        if len(redacted) <= MAX_MESSAGE_CHARACTERS
        else f"{redacted[:MAX_MESSAGE_CHARACTERS]} ..."
    )


def has_reason(messages: Iterable[str]) -> bool:
    """True if a message says more than that the preview failed."""
    return any(message not in EMPTY_REASONS for message in messages)


def list_diagnostic_reasons(
    diagnostics: Sequence[Diagnostic], *, has_summary: bool
) -> tuple[str, ...]:
    """Lists the errors in the JSON of a failed preview.

    Stderr output of the program belongs to them, but alone it counts as a failure only if the
    engine wrote no summary.
    """
    has_error = any(diagnostic.severity == "error" for diagnostic in diagnostics)
    messages = []
    for severity, group in groupby(diagnostics, key=lambda diagnostic: diagnostic.severity):
        texts = [diagnostic.message.rstrip() for diagnostic in group]
        if severity == "error":
            messages += [text.strip() for text in texts]
        elif severity == PROGRAM_SEVERITY and (has_error or not has_summary):
            messages.append(_shorten_traceback("\n".join(text for text in texts if text)))
    redacted = dict.fromkeys(redact(message) for message in messages if message)
    return _drop_empty_reasons(redacted)


def list_text_reasons(text: str) -> tuple[str, ...]:
    """Lists what Pulumi's text output says of a failure: violations first, then the rest."""
    lines = [ANSI_PATTERN.sub("", line).rstrip() for line in text.splitlines()]
    violations = parse_policy_violations(text)
    mandatory = sorted(
        (violation for violation in violations if violation.level == "mandatory"),
        key=lambda violation: (violation.resource, violation.rule),
    )
    messages = [violation.message for violation in mandatory]
    diagnostics = _get_section(lines, "Diagnostics")
    if diagnostics is None and not messages:  # Pulumi ended before it planned anything
        diagnostics = [line for line in lines if line.strip()]
    if said := _drop_empty_blocks(diagnostics or ()):
        messages.append(redact(_shorten_traceback(said)))
    return _drop_empty_reasons(messages)


def parse_policy_violations(text: str) -> tuple[PolicyViolation, ...]:
    """Parses the violations that Pulumi's text output lists, in its order."""
    violations: list[PolicyViolation] = []
    match: re.Match[str] | None = None
    message_lines: list[str] = []

    def close_violation() -> None:
        if match is not None:
            level, rule = match["level"], match["rule"]
            violations.append(
                PolicyViolation(
                    level, rule, _format_resource(match["resource"]), tuple(message_lines)
                )
            )

    for raw_line in text.splitlines():
        line = ANSI_PATTERN.sub("", raw_line).rstrip()
        if next_match := VIOLATION_PATTERN.match(line):
            close_violation()
            match, message_lines = next_match, []
        elif match is not None and line and len(line) - len(line.lstrip()) < len(match["indent"]):
            close_violation()
            match = None
        elif match is not None and line.strip():
            message_lines.append(line.strip())
    close_violation()
    return tuple(violations)


def _format_resource(text: str) -> str:
    """`database (rds/instance)` of `aws:rds/instance:Instance: database`, or the other way."""
    first, _, last = text.partition(": ")
    type_, name = (first, last) if ":" in first else (last, first)
    type_parts = type_.split(":")
    short_type = type_parts[1] if len(type_parts) == 3 and type_parts[0] == "aws" else type_
    return f"{name} ({short_type})" if name else text


def _get_section(lines: Sequence[str], name: str) -> list[str] | None:
    """The lines under a heading of Pulumi's text output; None if it is not there."""
    if f"{name}:" not in lines:
        return None
    start = lines.index(f"{name}:") + 1
    section = []
    for line in lines[start:]:
        if SECTION_PATTERN.match(line):
            break
        section.append(line)
    return section


def _drop_empty_blocks(lines: Sequence[str]) -> str:
    """Pulumi's diagnostics without the resources of which it says nothing but that they failed."""
    kept: list[str] = []
    for line in lines:
        if line.strip() in EMPTY_REASONS:
            continue
        if kept and _is_block_head(kept[-1]) and (_is_block_head(line) or not line.strip()):
            kept.pop()
        kept.append(line)
    if kept and _is_block_head(kept[-1]):
        kept.pop()
    return "\n".join(kept).strip()


def _is_block_head(line: str) -> bool:
    """True for `  aws:sns/topic:Topic (operations-topic):`, above what is said of a resource."""
    return re.fullmatch(r"  \S+ \(.+\):", line) is not None


def _shorten_traceback(text: str) -> str:
    """The message alone if the program refused by pulumi.RunError; else all of it."""
    before, head, after = text.rpartition(TRACEBACK_HEAD)
    if not head:
        return text
    lines = after.splitlines()
    for index, line in enumerate(lines):
        if line.strip().startswith(RUN_ERROR_PREFIX):
            message = "\n".join(lines[index:]).strip().removeprefix(RUN_ERROR_PREFIX)
            return f"{before.strip()}\n{message}".strip()
    return text


def _drop_empty_reasons(messages: Iterable[str]) -> tuple[str, ...]:
    """The messages without those that say nothing, unless there are no others."""
    texts = tuple(dict.fromkeys(messages))
    return tuple(text for text in texts if text not in EMPTY_REASONS) or texts
