"""Fills the contract of ops/outputs.py from a component's outputs."""

from typing import Any, TypeVar

from pulumi import Input, Output

from ops.outputs import ContractPart

P = TypeVar("P", bound=ContractPart)


def build_contract_part(part: type[P], **values: Input[Any]) -> Output[dict[str, Any]]:
    """A part of the contract as it is exported.

    Raises TypeError at once where a field is missing or unknown; a value of the wrong type is
    refused as soon as it is known.
    """
    required_fields = {name for name, field in part.model_fields.items() if field.is_required()}
    if missing_fields := required_fields - values.keys():
        raise TypeError(f"{part.__name__} lacks {', '.join(sorted(missing_fields))}")
    if unknown_fields := values.keys() - part.model_fields.keys():
        raise TypeError(f"{part.__name__} has no {', '.join(sorted(unknown_fields))}")
    return Output.all(**values).apply(
        lambda plain_values: part.model_validate(plain_values).model_dump(
            mode="json", by_alias=True
        )
    )
