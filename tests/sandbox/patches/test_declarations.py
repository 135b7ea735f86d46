"""What the patches declare holds for moto: what is added is missing, what is replaced is there."""

import inspect
from typing import Any

import pytest
from moto.core.responses import BaseResponse

from sandbox.patches import list_patches
from sandbox.patches.patching import ABSENT, Declaration, ServicePatch, find_wrong_declarations


class UnpatchedResponse(BaseResponse):
    """A response class of moto before any patch."""

    def describe_things(self) -> str:
        return "moto's things"

    def describe_stubs(self) -> str:
        """Not written yet."""
        raise NotImplementedError("describe_stubs")

    def describe_some(self) -> str:
        if self.region:
            raise NotImplementedError("only without a region")
        return "moto's some"

    @property
    def state(self) -> str:
        return "moto's state"


class GrownResponse(UnpatchedResponse):
    """The same after an upgrade of moto: one operation more."""

    def create_thing(self) -> str:
        return "moto's thing"


class ShrunkResponse(BaseResponse):
    """The same after an upgrade of moto that took operations away."""


def declare(response_class: type[BaseResponse]) -> ServicePatch:
    """A patch with one declaration of every kind, each right for UnpatchedResponse."""
    patch = ServicePatch()

    def handle(_response: Any, _params: dict[str, Any]) -> dict[str, Any]:
        return {}

    patch.add_operation(response_class, "CreateThing")(handle)
    patch.add_operation(response_class, "DescribeStubs")(handle)
    patch.replace_operation(response_class, "DescribeThings")(handle)
    patch.wrap(response_class, "describe_some")(lambda original, response: original(response))
    patch.replace(response_class, "state")(lambda _response: "ours")
    return patch


def list_problems(*patches: ServicePatch) -> list[str]:
    """The sentences that report a wrong declaration, without the module's name."""
    return [problem.split(f"{__name__}.", 1)[1] for problem in find_wrong_declarations(patches)]


def test_valid_declarations_report_no_problem() -> None:
    assert list_problems(declare(UnpatchedResponse)) == []


def test_an_operation_that_moto_gains_is_reported() -> None:
    assert list_problems(declare(GrownResponse)) == [
        "GrownResponse.create_thing is added, but moto has it now: compare, then replace it."
    ]


def test_operations_that_moto_loses_are_reported() -> None:
    assert list_problems(declare(ShrunkResponse)) == [
        "ShrunkResponse.describe_things is declared as replace, but moto lacks it.",
        "ShrunkResponse.describe_some is declared as wrap, but moto lacks it.",
        "ShrunkResponse.state is declared as replace, but moto lacks it.",
    ]


def test_a_method_that_only_sometimes_raises_is_an_operation_of_moto() -> None:
    patch = ServicePatch()
    patch.add_operation(UnpatchedResponse, "DescribeSome")(lambda _response, _params: {})
    assert list_problems(patch) == [
        "UnpatchedResponse.describe_some is added, but moto has it now: compare, then replace it."
    ]


def test_a_stub_cannot_be_replaced_or_wrapped() -> None:
    patch = ServicePatch()
    patch.replace_operation(UnpatchedResponse, "DescribeStubs")(lambda _response, _params: {})
    assert list_problems(patch) == [
        "UnpatchedResponse.describe_stubs is declared as replace, but moto lacks it."
    ]


def test_an_added_operation_may_be_wrapped_later_but_not_replaced() -> None:
    first, second = ServicePatch(), ServicePatch()
    first.add_operation(UnpatchedResponse, "CreateThing")(lambda _response, _params: {})
    second.wrap(UnpatchedResponse, "create_thing")(lambda original, response: original(response))
    assert list_problems(first, second) == []
    assert list_problems(second, first) == [
        "UnpatchedResponse.create_thing is declared as wrap, but moto lacks it.",
        "UnpatchedResponse.create_thing is set by an earlier patch, which this one undoes.",
    ]


def test_the_operations_of_moto_are_remembered_after_patching() -> None:
    class Response(UnpatchedResponse):
        pass

    patch = declare(Response)
    patch.apply()
    assert Response.state.fget(None) == "ours"  # type: ignore[attr-defined]
    assert list_problems(patch) == []
    originals = {declaration.name: declaration.original for declaration in patch.declarations}
    assert originals["create_thing"] is ABSENT
    assert originals["describe_things"] is UnpatchedResponse.describe_things


def list_declarations() -> list[Declaration]:
    """All declarations of all patches."""
    return [declaration for patch in list_patches() for declaration in patch.declarations]


def test_every_declaration_holds_for_this_moto() -> None:
    assert {declaration.kind for declaration in list_declarations()} == {"add", "replace", "wrap"}
    assert find_wrong_declarations(list_patches()) == []


@pytest.mark.parametrize("kind", ["add", "replace", "wrap"])
def test_declarations_are_compared_with_a_moto_without_patches(kind: str) -> None:
    """Each original is moto's own: no patch was applied before the declaration."""
    originals = [d.original for d in list_declarations() if d.kind == kind]
    modules = {
        original.fget.__module__ if isinstance(original, property) else original.__module__
        for original in originals
        if isinstance(original, property) or inspect.isroutine(original)
    }
    assert len(originals) > 25
    assert {module.split(".")[0] for module in modules} <= {"moto"}
