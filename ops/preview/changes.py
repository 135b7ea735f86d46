"""What `pulumi preview --json` wrote, read into changes: one file a stack, no call to AWS.

The engine writes a step for each resource that it would touch, and counts the rest: those that
stay as they are stand in the file only with `--show-sames`. Secrets are blinded by the engine;
here no value leaves at all, but those of `SHOWN`.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, Field, JsonValue, ValidationError

from ops.core.errors import UsageError

Act = Literal["created", "changed", "replaced", "deleted", "forgotten", "same"]
# What is done to a resource, the gravest first: of the steps of one resource the first counts.
ACTS: Final[tuple[Act, ...]] = ("replaced", "deleted", "changed", "created", "forgotten", "same")
# The engine's operations (Pulumi, pkg/resource/deploy/step.go). One not known here is a change.
OPS: Final[Mapping[str, Act]] = {
    "create": "created",
    "import": "created",
    "update": "changed",
    "replace": "replaced",
    "create-replacement": "replaced",
    "delete-replaced": "replaced",
    "import-replacement": "replaced",
    "delete": "deleted",
    "discard": "forgotten",
    "discard-replaced": "forgotten",
    "read": "same",
    "read-replacement": "same",
    "refresh": "same",
    "same": "same",
}
# What the engine writes for a value that it does not know yet, one for each kind of value
# (Pulumi, sdk/go/common/resource/plugin/rpc.go).
UNKNOWN: Final = frozenset(
    """
    04da6b54-80e4-46f7-96ec-b56ff0331ba9 1c4a061d-8072-4f0a-a4cb-0ff528b18fe7
    3eeb2bf0-c639-47a8-9e75-3b44932eb421 6a19a0b0-7e62-4c92-b797-7f8e31da9cc2
    030794c1-ac77-496b-92df-f27374a8bd58 e48ece36-62e2-4504-bad9-02848725956a
    dd056dcd-154b-4c76-9bd3-c8f88648b5ff
    """.split()
)
SECRET: Final = "[secret]"  # noqa: S105 - what stands where a secret stood
SIGNATURE: Final = "4dabf18193072939515e22adb298388d"  # the key of what is no plain value
# Properties whose values may be read by anybody who may read the pull request: sizes and counts.
SHOWN: Final = frozenset(
    """
    allocatedStorage applyImmediately backupRetentionPeriod cidrBlock cpu deletionProtection
    desiredCount engine engineVersion evaluationPeriods forceDestroy instanceClass instanceType
    internal iops loadBalancerType maxAllocatedStorage maxCapacity maxSize memory memorySize
    minCapacity minSize multiAz nodeType numCacheClusters period port protocol
    deletionWindowInDays recoveryWindowInDays retentionInDays runtime skipFinalSnapshot
    storageEncrypted storageType threshold timeout transitEncryptionEnabled
    """.split()
)
PLAIN: Final = re.compile(r"[\w.:/ -]{1,60}")
TOLD: Final = 2000  # characters of a message of a failed preview
# Words of a message behind which a secret may stand; the engine blinds those that it knows.
HIDDEN: Final = re.compile(
    r"(?i)((?:password|passwd|passphrase|secret|token|api_?key|credential)\w*[\"']?\s*[:=]\s*)"
    r"(\"[^\"]*\"|'[^']*'|\S+)|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)


class State(BaseModel):
    """A resource as the engine knows it, before or after."""

    type: str = ""
    custom: bool = True
    inputs: dict[str, Any] = Field(default_factory=dict)
    outputs: dict[str, Any] = Field(default_factory=dict)
    parent: str = ""
    protect: bool = False
    retainOnDelete: bool = False  # noqa: N815 - as the engine spells it


class Step(BaseModel):
    """What the engine would do to a resource."""

    op: str
    urn: str = Field(pattern=r"^urn:pulumi:[^:]+::[^:]+::.+::.+$")
    oldState: State | None = None  # noqa: N815
    newState: State | None = None  # noqa: N815
    detailedDiff: dict[str, Any] | None = None  # noqa: N815
    diffReasons: list[str] | None = None  # noqa: N815
    replaceReasons: list[str] | None = None  # noqa: N815


class Diagnostic(BaseModel):
    """A message of the preview. `info#err` is what the program wrote on stderr."""

    message: str = ""
    severity: str = ""


class Digest(BaseModel):
    """The whole file, as far as it is read. What is empty the engine leaves out."""

    steps: list[Step] | None = None
    diagnostics: list[Diagnostic] | None = None
    changeSummary: dict[str, int] | None = None  # noqa: N815


@dataclass(frozen=True)
class Change:
    """What happens to one resource. `properties` are the inputs that differ, by name.

    `old` and `new` are inputs, empty where there is no resource; secrets and what is not known
    yet are not in them, the latter's names are in `unknown`.
    """

    urn: str
    act: Act
    type: str
    name: str
    component: str
    parent: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    custom: bool = True
    before: bool = False
    after: bool = False
    properties: tuple[str, ...] = ()
    because: tuple[str, ...] = ()  # the properties that force the replacement
    unknown: tuple[str, ...] = ()
    copies: bool = False  # a replica of another, as far as AWS has said
    protect: bool = False
    retained: bool = False  # AWS keeps it when Pulumi is done with it

    def values(self, name: str) -> tuple[str, str] | None:
        """What a property was and is to be, where both may be shown."""
        shown = _shown(name, self.old.get(name)), _shown(name, self.new.get(name))
        return (shown[0], shown[1]) if shown[0] and shown[1] else None

    def said(self) -> str:
        """What differs, on one line: values where they may be shown, else names alone."""
        words = []
        for name in self.properties:
            found = self.values(name)
            words.append(f"{name} {found[0]} to {found[1]}" if found else name)
        return ", ".join(words)


@dataclass(frozen=True)
class Preview:
    """A preview of one stack. `left_out` is the number of unchanged resources not in the file."""

    stack: str
    changes: tuple[Change, ...]
    errors: tuple[str, ...] = ()
    left_out: int = 0

    @property
    def empty(self) -> bool:
        """Whether nothing would be done."""
        return not self.errors and all(change.act == "same" for change in self.changes)

    @property
    def counts(self) -> dict[str, int]:
        """How many resources each act happens to, but for those that stay."""
        return {act: self.of(act) for act in ACTS if act != "same"}

    def of(self, act: Act) -> int:
        """How many resources it happens to."""
        return sum(1 for change in self.changes if change.act == act)


def read(files: Iterable[Path]) -> tuple[Preview, ...]:
    """The previews of files, of one stack each. Raises UsageError."""
    found: dict[tuple[str, str], Path] = {}
    previews = []
    for file in files:
        digest = _digest(file)
        project, preview = _preview(digest, file.stem)
        if (project, preview.stack) in found:
            raise UsageError(
                f"FILE is {str(file)!r}, a preview of {preview.stack!r}, of which "
                f"{str(found[project, preview.stack])!r} is one already"
            )
        found[project, preview.stack] = file
        previews.append(preview)
    return tuple(previews)


def told(found: JsonValue, stack: str) -> Preview:
    """A preview that Pulumi has just printed, of this stack. Raises UsageError where it is none."""
    return _preview(_valid(found, f"what Pulumi printed for {stack}"), stack)[1]


def fingerprint(of: Preview) -> str:
    """What tells two previews apart: what is done to which resource, and with which inputs.

    Values that only AWS will know are not in it.
    """
    lines = sorted(
        [one.urn, one.act, list(one.properties), list(one.because), one.new]
        for one in of.changes
        if one.act != "same"
    )
    return hashlib.sha256(json.dumps(lines, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _digest(file: Path) -> Digest:
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"FILE is {str(file)!r}, {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, json.JSONDecodeError) else "it cannot be read"
        raise UsageError(f"FILE is {str(file)!r}, which is no JSON: {why}") from None
    return _valid(found, f"FILE is {str(file)!r}")


def _valid(found: object, said: str) -> Digest:
    wanted = "may be a file of `pulumi preview --json`"
    try:
        digest = Digest.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise UsageError(f"{said}, {wanted}: {where} is wrong ({first['type']})") from None
    if digest.steps is None and digest.diagnostics is None and digest.changeSummary is None:
        raise UsageError(f"{said}, {wanted}: it has no steps")
    return digest


def _preview(digest: Digest, otherwise: str) -> tuple[str, Preview]:
    steps = digest.steps or []
    project, stack = "", otherwise  # where nothing else says which stack it is
    if steps:
        stack, project = steps[0].urn.split("::")[0].split(":")[2], steps[0].urn.split("::")[1]
    by_urn: dict[str, list[Step]] = {}
    for step in steps:
        by_urn.setdefault(step.urn, []).append(step)
    changes = [_change(urn, of) for urn, of in by_urn.items()]
    same = sum(1 for change in changes if change.act == "same")
    counted = (digest.changeSummary or {}).get("same", 0)
    # Components and providers are nothing in themselves: what is in them has steps of its own.
    resources = tuple(c for c in changes if c.custom and not c.type.startswith("pulumi:"))
    return project, Preview(stack, resources, _errors(digest), max(0, counted - same))


def _errors(digest: Digest) -> tuple[str, ...]:
    """What a failed preview says of itself. What a program writes on stderr is not yet a failure,
    but belongs to one; alone it is one where the engine has not come to count anything.
    """
    told = digest.diagnostics or []
    failed = any(one.severity == "error" for one in told)
    kinds = ("error", "info#err") if failed or digest.changeSummary is None else ("error",)
    messages = (blinded(one.message).strip() for one in told if one.severity in kinds)
    return tuple(dict.fromkeys(message for message in messages if message))


def blinded(text: str) -> str:
    """A message without what looks like a secret, and not too long."""
    clean = HIDDEN.sub(lambda match: f"{match[1] or ''}[hidden]", text)
    return clean if len(clean) <= TOLD else f"{clean[:TOLD]} ..."


def _change(urn: str, steps: list[Step]) -> Change:
    acts = {OPS.get(step.op, "changed") for step in steps}
    act = next(one for one in ACTS if one in acts)
    old = next((step.oldState for step in steps if step.oldState), None)
    new = next((step.newState for step in steps if step.newState), None)
    if act == "deleted":
        new = None
    state = new or old or State()
    kinds = urn.split("::")[2]
    inputs = [_bare(one.inputs) if one else {} for one in (old, new)]
    if act == "deleted" and old is not None and old.retainOnDelete:
        act = "forgotten"
    names = dict.fromkeys(name for step in steps for name in _differing(step))
    return Change(
        urn=urn,
        act=act,
        type=state.type or kinds.split("$")[-1],
        name=urn.split("::", 3)[3],
        component=_component(urn),
        parent=state.parent,
        old=inputs[0],
        new=inputs[1],
        custom=state.custom,
        before=old is not None,
        after=new is not None,
        properties=tuple(names) if act in ("changed", "replaced") else (),
        because=tuple(dict.fromkeys(_top(r) for step in steps for r in step.replaceReasons or ())),
        unknown=tuple(sorted(name for name in state.inputs if name not in inputs[bool(new)])),
        copies=bool(old and all(o.get("replicateSourceDb") for o in (old.inputs, old.outputs))),
        protect=bool(old and old.protect),
        retained=bool(old and old.retainOnDelete),
    )


def _component(urn: str) -> str:
    """The outermost component that a resource stands in, by the last word of its type.

    The types stand in the URN, also where the components themselves are not in the file.
    """
    kinds = [k for k in urn.split("::")[2].split("$") if k != "pulumi:pulumi:Stack"]
    return kinds[0].split(":")[-1] if len(kinds) > 1 else "stack"


def _differing(step: Step) -> list[str]:
    """The inputs that differ, by their names: of a nested one the outermost."""
    if step.detailedDiff or step.diffReasons:
        paths = [*(step.detailedDiff or {}), *(step.diffReasons or ())]
        return list(dict.fromkeys(_top(path) for path in paths))
    if step.oldState is None or step.newState is None:
        return []
    old, new = step.oldState.inputs, step.newState.inputs
    return [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]


def _top(path: str) -> str:
    """The first name of a path: `a.b[0]`, or `["a.b"].c`."""
    if match := re.match(r'\["([^"]+)"\]', path):
        return match[1]
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _bare(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs without secrets and without what is not known; in lists such a value is None."""
    return {k: _known(v) for k, v in inputs.items() if not _hidden(v) and not k.startswith("__")}


def _hidden(value: object) -> bool:
    if isinstance(value, dict):
        return SIGNATURE in value
    return isinstance(value, str) and (value in UNKNOWN or value == SECRET)


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return _bare(value)
    if isinstance(value, list):
        return [None if _hidden(one) else _known(one) for one in value]
    return value


def _shown(name: str, value: object) -> str:
    """A value that may be shown as it is, else nothing."""
    if name not in SHOWN or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if PLAIN.fullmatch(text) else ""
