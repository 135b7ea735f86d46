"""Parses the output of `pulumi preview --json` into changes. No call to AWS.

The engine writes a step for each resource that it would touch; unchanged ones are in the file only
with `--show-sames`, and otherwise only counted. Values are never shown, except those in
SHOWN_PROPERTIES.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import JsonValue, ValidationError

from ops.core.errors import UsageError
from ops.preview.digest import compute_steps_digest
from ops.preview.document import (
    CHANGE_KIND_BY_OP,
    CHANGE_KINDS,
    SIGNATURE_KEY,
    UNKNOWN_VALUES,
    ChangeKind,
    PreviewDocument,
    PreviewStep,
    ResourceState,
)
from ops.preview.failure import has_reason, list_diagnostic_reasons, list_text_reasons

SECRET_PLACEHOLDER: Final = "[secret]"  # noqa: S105 - a placeholder
# Properties whose values may be shown in a pull request: sizes and counts.
SHOWN_PROPERTIES: Final = frozenset(
    """
    allocatedStorage applyImmediately backupRetentionPeriod cidrBlock cpu deletionProtection
    desiredCount engine engineVersion evaluationPeriods forceDestroy instanceClass instanceType
    internal iops loadBalancerType maxAllocatedStorage maxCapacity maxSize memory memorySize
    minCapacity minSize multiAz nodeType numCacheClusters period port protocol
    deletionWindowInDays recoveryWindowInDays retentionInDays runtime skipFinalSnapshot
    storageEncrypted storageType threshold timeout transitEncryptionEnabled
    """.split()
)
PLAIN_VALUE_PATTERN: Final = re.compile(r"[\w.:/ -]{1,60}")


@dataclass(frozen=True)
class ResourceChange:
    """What happens to one resource. `properties` are the names of the inputs that differ.

    `old` and `new` are the inputs, without secrets and unknown values; empty if there is no
    resource. `unknown_properties` names the inputs with unknown values.
    """

    urn: str
    kind: ChangeKind
    type: str
    name: str
    component: str
    parent: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    custom: bool = True
    exists_before: bool = False
    exists_after: bool = False
    properties: tuple[str, ...] = ()
    replace_reasons: tuple[str, ...] = ()  # the properties that force the replacement
    unknown_properties: tuple[str, ...] = ()
    is_replica: bool = False  # a read replica, according to its state
    protect: bool = False
    retained: bool = False  # retainOnDelete: stays in AWS
    released: bool = False  # it was protected, and is no longer
    is_imported: bool = False  # it is in AWS already, and becomes the stack's
    region: str = ""  # the region that its provider or its inputs name; empty: the stack's

    def find_shown_values(self, name: str) -> tuple[str, str] | None:
        """Returns the old and the new value if both may be shown, else None."""
        values = (
            _format_shown_value(name, self.old.get(name)),
            _format_shown_value(name, self.new.get(name)),
        )
        return (values[0], values[1]) if values[0] and values[1] else None

    def format_properties(self) -> str:
        """Formats the changed properties on one line, with values if they may be shown."""
        texts = []
        for name in self.properties:
            values = self.find_shown_values(name)
            texts.append(f"{name} {values[0]} to {values[1]}" if values else name)
        return ", ".join(texts)


@dataclass(frozen=True)
class Preview:
    """A preview of one stack.

    `omitted_count` counts unchanged resources not in the file. `digest` is a hash of everything
    that the update would do (compute_steps_digest).
    """

    stack: str
    changes: tuple[ResourceChange, ...]
    errors: tuple[str, ...] = ()
    omitted_count: int = 0
    digest: str = ""

    @property
    def is_empty(self) -> bool:
        """True if the preview succeeded and would change nothing."""
        return not self.errors and all(change.kind == "same" for change in self.changes)

    @property
    def counts(self) -> dict[str, int]:
        """Number of changed resources by kind."""
        return {kind: self.count_changes(kind) for kind in CHANGE_KINDS if kind != "same"}

    def count_changes(self, kind: ChangeKind) -> int:
        """Returns the number of changes of a kind."""
        return sum(1 for change in self.changes if change.kind == kind)


def read_previews(files: Iterable[Path]) -> tuple[Preview, ...]:
    """Reads preview files, one per stack. Raises UsageError if one is invalid or repeated."""
    file_by_stack: dict[tuple[str, str], Path] = {}
    previews = []
    for file in files:
        project, preview = _read_preview(file)
        if (project, preview.stack) in file_by_stack:
            raise UsageError(
                f"FILE is {str(file)!r}, a preview of {preview.stack!r}, but so is "
                f"{str(file_by_stack[project, preview.stack])!r}; give one file per stack"
            )
        file_by_stack[project, preview.stack] = file
        previews.append(preview)
    return tuple(previews)


def parse_live(data: JsonValue, stack: str) -> Preview:
    """Parses a preview that Pulumi has just printed. Raises UsageError if it is invalid."""
    return _build_preview(
        _validate_document(data, f"this is what Pulumi printed for {stack}"), stack
    )[1]


def _read_preview(file: Path) -> tuple[str, Preview]:
    """The project and the preview in a file, with what Pulumi printed as text beside it.

    Pulumi's JSON does not say why a policy refuses, and is empty if Pulumi ends before the first
    step. Its text output does; it is read from STACK.txt beside STACK.json.
    """
    text_file = file.with_suffix(".txt")
    text = ""
    if text_file != file and text_file.is_file():
        text = text_file.read_text(encoding="utf-8", errors="replace").strip()
    try:
        project, preview = _build_preview(_read_document(file), file.stem)
    except UsageError:
        if not text:
            raise
        return "", Preview(file.stem, (), list_text_reasons(text))
    if not preview.errors:
        return project, preview
    if text:
        text_reasons = list_text_reasons(text)
        reasons = (*text_reasons, *(r for r in preview.errors if r not in text_reasons))
        reasons = tuple(r for r in reasons if has_reason([r])) or reasons
        return project, replace(preview, errors=reasons)
    if not has_reason(preview.errors):
        return project, replace(preview, errors=(*preview.errors, build_text_hint(preview.stack)))
    return project, preview


def build_text_hint(stack: str) -> str:
    """What shows why a preview failed, if its JSON does not say it."""
    return (
        "Pulumi's JSON does not say why. Its text output lists violations of the policy pack: "
        f"pulumi preview --stack {stack} --policy-pack policy"
    )


def _read_document(file: Path) -> PreviewDocument:
    try:
        data = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(
            f"FILE must be a file that can be read, not {str(file)!r}: {error.strerror}"
        ) from None
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, json.JSONDecodeError) else "it cannot be decoded"
        raise UsageError(f"FILE is {str(file)!r}, which is not JSON: {reason}") from None
    return _validate_document(data, f"FILE is {str(file)!r}")


def _validate_document(data: object, origin: str) -> PreviewDocument:
    expectation = "which must be output of `pulumi preview --json`"
    try:
        document = PreviewDocument.model_validate(data)
    except ValidationError as error:
        first_error = error.errors(include_input=False, include_url=False)[0]
        location = ".".join(map(str, first_error["loc"])) or "it"
        raise UsageError(
            f"{origin}, {expectation}: {location} is invalid ({first_error['type']})"
        ) from None
    if document.steps is None and document.diagnostics is None and document.changeSummary is None:
        raise UsageError(
            f"{origin}, {expectation}: it is empty, as if Pulumi ended before its first step; "
            "the reason is on its standard error"
        )
    return document


def _build_preview(document: PreviewDocument, default_stack: str) -> tuple[str, Preview]:
    steps = document.steps or []
    project, stack = "", default_stack  # the fallback: the file's name
    if steps:
        stack, project = steps[0].urn.split("::")[0].split(":")[2], steps[0].urn.split("::")[1]
    by_urn: dict[str, list[PreviewStep]] = {}
    for step in steps:
        by_urn.setdefault(step.urn, []).append(step)
    regions = {
        step.urn: str(step.newState.inputs.get("region", ""))
        for step in steps
        if step.newState is not None and step.newState.type == "pulumi:providers:aws"
    }
    changes = [_build_change(urn, urn_steps, regions) for urn, urn_steps in by_urn.items()]
    same_in_file = sum(1 for change in changes if change.kind == "same")
    same_total = (document.changeSummary or {}).get("same", 0)
    # Components and providers are not AWS resources; their children have steps of their own.
    resources = tuple(c for c in changes if c.custom and not c.type.startswith("pulumi:"))
    return project, Preview(
        stack,
        resources,
        _list_errors(document),
        max(0, same_total - same_in_file),
        compute_steps_digest(steps),
    )


def _list_errors(document: PreviewDocument) -> tuple[str, ...]:
    """Lists why a preview failed, and what its file does not hold."""
    reasons = list_diagnostic_reasons(
        document.diagnostics or [], has_summary=document.changeSummary is not None
    )
    summary = {
        op: count
        for op, count in (document.changeSummary or {}).items()
        if CHANGE_KIND_BY_OP.get(op) != "same" and count
    }
    step_count = sum(CHANGE_KIND_BY_OP.get(step.op) != "same" for step in document.steps or [])
    if sum(summary.values()) > step_count:
        counts = ", ".join(f"{count} {op}" for op, count in sorted(summary.items()))
        reasons += (
            f"the file is incomplete: its summary counts {counts}, its steps are {step_count}; "
            "nothing says what else would be done",
        )
    return reasons


def _build_change(urn: str, steps: list[PreviewStep], regions: Mapping[str, str]) -> ResourceChange:
    """The change of a resource; `regions` are those of the providers, by their URN."""
    kinds_of_steps = {CHANGE_KIND_BY_OP.get(step.op, "changed") for step in steps}
    kind = next(candidate for candidate in CHANGE_KINDS if candidate in kinds_of_steps)
    old = next((step.oldState for step in steps if step.oldState), None)
    new = next((step.newState for step in steps if step.newState), None)
    if kind == "deleted":
        new = None
    state = new or old or ResourceState()
    type_chain = urn.split("::")[2]
    inputs = [_get_known_inputs(candidate.inputs) if candidate else {} for candidate in (old, new)]
    if kind == "deleted" and old is not None and old.retainOnDelete:
        kind = "forgotten"
    names = dict.fromkeys(name for step in steps for name in _list_changed_properties(step))
    return ResourceChange(
        urn=urn,
        kind=kind,
        type=state.type or type_chain.split("$")[-1],
        name=urn.split("::", 3)[3],
        component=_get_component(urn),
        parent=state.parent,
        old=inputs[0],
        new=inputs[1],
        custom=state.custom,
        exists_before=old is not None,
        exists_after=new is not None,
        properties=tuple(names) if kind in ("changed", "replaced") else (),
        replace_reasons=tuple(
            dict.fromkeys(
                _get_top_property(reason) for step in steps for reason in step.replaceReasons or ()
            )
        ),
        unknown_properties=tuple(
            sorted(name for name in state.inputs if name not in inputs[bool(new)])
        ),
        is_replica=bool(
            old
            and all(properties.get("replicateSourceDb") for properties in (old.inputs, old.outputs))
        ),
        protect=bool(old and old.protect),
        retained=bool(old and old.retainOnDelete),
        released=bool(old and new and old.protect and not new.protect),
        is_imported=any(step.op == "import" for step in steps),
        region=str(inputs[1].get("region") or regions.get(_get_provider_urn(steps), "")),
    )


def _get_provider_urn(steps: Sequence[PreviewStep]) -> str:
    """The URN of the provider that steps name: behind it is an id."""
    return next((step.provider.rpartition("::")[0] for step in steps if step.provider), "")


def _get_component(urn: str) -> str:
    """Returns the last word of the type of the outermost component, from the URN."""
    types = [type_ for type_ in urn.split("::")[2].split("$") if type_ != "pulumi:pulumi:Stack"]
    return types[0].split(":")[-1] if len(types) > 1 else "stack"


def _list_changed_properties(step: PreviewStep) -> list[str]:
    """Lists the top-level inputs that differ."""
    if step.detailedDiff or step.diffReasons:
        paths = [*(step.detailedDiff or {}), *(step.diffReasons or ())]
        return list(dict.fromkeys(_get_top_property(path) for path in paths))
    if step.oldState is None or step.newState is None:
        return []
    old, new = step.oldState.inputs, step.newState.inputs
    return [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]


def _get_top_property(path: str) -> str:
    """Returns the first name of a path: `a` of `a.b[0]`, `a.b` of `["a.b"].c`."""
    if match := re.match(r'\["([^"]+)"\]', path):
        return match[1]
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _get_known_inputs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns inputs without secrets and unknown values; in lists these become None."""
    return {
        name: _get_known_value(value)
        for name, value in inputs.items()
        if not _is_hidden(value) and not name.startswith("__")
    }


def _is_hidden(value: object) -> bool:
    if isinstance(value, dict):
        return SIGNATURE_KEY in value
    return isinstance(value, str) and (value in UNKNOWN_VALUES or value == SECRET_PLACEHOLDER)


def _get_known_value(value: Any) -> Any:
    if isinstance(value, dict):
        return _get_known_inputs(value)
    if isinstance(value, list):
        return [None if _is_hidden(item) else _get_known_value(item) for item in value]
    return value


def _format_shown_value(name: str, value: object) -> str:
    """Formats a value if it may be shown, else returns an empty string."""
    if name not in SHOWN_PROPERTIES or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if PLAIN_VALUE_PATTERN.fullmatch(text) else ""
