"""Values of the shared options, in a module that imports fast."""

from collections.abc import Sequence
from typing import Literal

OutputFormat = Literal["table", "json"]
OutputsSource = Literal["file", "ssm", "pulumi"]


def names_all(text: str) -> bool:
    """Whether the value of --stack is about all stacks."""
    return text == "all"


def names_several(text: str) -> bool:
    """Whether the value of --stack is about several stacks."""
    return names_all(text) or "," in text


def get_option_value(arguments: Sequence[str], option: str) -> str | None:
    """The last value of an option with one, or None."""
    value = None
    for index, word in enumerate(arguments):
        if word == option and index + 1 < len(arguments):
            value = arguments[index + 1]
        elif word.startswith(f"{option}="):
            value = word.partition("=")[2]
    return value
