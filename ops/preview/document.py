"""The output of `pulumi preview --json`, as the engine writes it."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

ChangeKind = Literal["created", "changed", "replaced", "deleted", "forgotten", "same"]
# The most serious first: a resource with several steps has the first kind of them.
CHANGE_KINDS: Final[tuple[ChangeKind, ...]] = (
    "replaced",
    "deleted",
    "changed",
    "created",
    "forgotten",
    "same",
)
# The engine's operations (Pulumi, pkg/resource/deploy/step.go). An unknown one is a change.
CHANGE_KIND_BY_OP: Final[Mapping[str, ChangeKind]] = {
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
# Placeholders for values that are not known yet, one per type
# (Pulumi, sdk/go/common/resource/plugin/rpc.go).
UNKNOWN_VALUES: Final = frozenset(
    """
    04da6b54-80e4-46f7-96ec-b56ff0331ba9 1c4a061d-8072-4f0a-a4cb-0ff528b18fe7
    3eeb2bf0-c639-47a8-9e75-3b44932eb421 6a19a0b0-7e62-4c92-b797-7f8e31da9cc2
    030794c1-ac77-496b-92df-f27374a8bd58 e48ece36-62e2-4504-bad9-02848725956a
    dd056dcd-154b-4c76-9bd3-c8f88648b5ff
    """.split()
)
SIGNATURE_KEY: Final = (
    "4dabf18193072939515e22adb298388d"  # key of secrets, assets and other special values
)


class ResourceState(BaseModel):
    """A resource's state before or after the update."""

    type: str = ""
    custom: bool = True
    inputs: dict[str, Any] = Field(default_factory=dict)
    outputs: dict[str, Any] = Field(default_factory=dict)
    parent: str = ""
    protect: bool = False
    retainOnDelete: bool = False  # noqa: N815 - as the engine spells it


class PreviewStep(BaseModel):
    """One step of the update."""

    op: str
    urn: str = Field(pattern=r"^urn:pulumi:[^:]+::[^:]+::.+::.+$")
    provider: str = ""
    oldState: ResourceState | None = None  # noqa: N815
    newState: ResourceState | None = None  # noqa: N815
    detailedDiff: dict[str, Any] | None = None  # noqa: N815
    diffReasons: list[str] | None = None  # noqa: N815
    replaceReasons: list[str] | None = None  # noqa: N815


class Diagnostic(BaseModel):
    """A message. Severity `info#err` is what the program wrote to stderr."""

    message: str = ""
    severity: str = ""


class PreviewDocument(BaseModel):
    """The file. The engine omits empty fields."""

    steps: list[PreviewStep] | None = None
    diagnostics: list[Diagnostic] | None = None
    changeSummary: dict[str, int] | None = None  # noqa: N815
