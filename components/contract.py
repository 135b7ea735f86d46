"""Fills the contract of ops/outputs.py from a component's outputs."""

from typing import Any, TypeVar

from pulumi import Input, Output

from ops.outputs import Part

P = TypeVar("P", bound=Part)


def contract(part: type[P], **values: Input[Any]) -> Output[dict[str, Any]]:
    """A part of the contract as it is exported.

    Raises TypeError at once where a field is missing or unknown; a value of the wrong type is
    refused as soon as it is known.
    """
    wanted = {name for name, field in part.model_fields.items() if field.is_required()}
    if missing := wanted - values.keys():
        raise TypeError(f"{part.__name__} lacks {', '.join(sorted(missing))}")
    if unknown := values.keys() - part.model_fields.keys():
        raise TypeError(f"{part.__name__} has no {', '.join(sorted(unknown))}")
    return Output.all(**values).apply(
        lambda known: part.model_validate(known).model_dump(mode="json", by_alias=True)
    )
