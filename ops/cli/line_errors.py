"""Errors of a command line that cannot be parsed: the option, what it must be, what it was."""

from collections.abc import Sequence
from typing import Any, Final

from ops.cli.help_pages import suggest_options

NUMBER_KINDS: Final = {int: "a whole number", float: "a number"}
PYDANTIC_PREFIX: Final = "Value error, "


def format_line_error(error: Any, shared_options: Sequence[str]) -> str:
    """Formats an error of typer's parser in one sentence.

    A misspelt option comes with what may have been meant.
    """
    parameter = getattr(error, "param", None)
    if getattr(error, "option_name", None) is not None and hasattr(error, "possibilities"):
        return _format_unknown_option(error, shared_options)
    if parameter is None:
        message: str = error.format_message()
        return message
    name = _format_parameter_name(error.ctx, parameter)
    if hasattr(error, "param_type"):  # MissingParameter
        return f"{name} must be set"
    causes: list[Any] = getattr(error.__cause__, "errors", list)()
    reason = str(error.message).removeprefix(PYDANTIC_PREFIX)
    if not causes:
        return f"{name} {reason}" if reason.startswith("must ") else f"{name}: {reason}"
    descriptor = parameter.type_descriptor
    value = causes[0]["input"]
    if descriptor.is_choice:
        *first_choices, last_choice = map(str, descriptor.choices)
        choices = " or ".join(filter(None, (", ".join(first_choices), last_choice)))
        return f"{name} must be {choices}, not {value!r}"
    kind = NUMBER_KINDS.get(descriptor.annotation)
    if kind is None:
        return f"{name} is {value!r}: {reason}"
    return f"{name} must be {kind}{_format_range(descriptor.parameter_info)}, not {str(value)!r}"


def _format_unknown_option(error: Any, shared_options: Sequence[str]) -> str:
    if error.ctx is None:
        return str(error.message)
    parameters = error.ctx.command.get_params(error.ctx)
    options = [option for parameter in parameters for option in parameter.opts]
    suggestions = suggest_options(error.option_name, options, shared_options)
    meant = ", ".join(map(repr, suggestions))
    return f"{error.message}. Did you mean {meant}?" if suggestions else str(error.message)


def _format_parameter_name(context: Any, parameter: Any) -> str:
    """`--output`, `PID`; with the variable of the environment if the value came from it."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name).upper().rstrip(".")
    option = str(max(parameter.opts, key=len))
    source = context.get_parameter_source(parameter.name) if context is not None else None
    if source is None or source.name != "ENVIRONMENT":
        return option
    names = [parameter.envvar] if isinstance(parameter.envvar, str) else parameter.envvar
    return f"{option} (from {' or '.join(names)})"


def _format_range(parameter_info: Any) -> str:
    minimum, maximum = parameter_info.min, parameter_info.max
    if minimum is not None and maximum is not None:
        return f" from {minimum} to {maximum}"
    if minimum is not None:
        return f" of at least {minimum}"
    return f" of at most {maximum}" if maximum is not None else ""
