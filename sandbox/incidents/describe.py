"""Prints what may happen in an incident: `python -m sandbox.incidents.describe`."""

import inspect

from sandbox.incidents import noise as _noise  # noqa: F401
from sandbox.incidents.metric_levels import LEVELS
from sandbox.incidents.model import HAPPENING_KINDS
from sandbox.server import print_line


def describe_happenings() -> str:
    """Each name with its arguments and what it does, and the metrics of each kind of subject."""
    lines = []
    for name, kind in sorted(HAPPENING_KINDS.items()):
        arguments = ", ".join(
            argument.name
            if argument.default is inspect.Parameter.empty
            else f"{argument.name}={argument.default!r}"
            for argument in kind.arguments.values()
        )
        lines += [f"{name}({arguments})", f"    {inspect.getdoc(kind.function)}"]
    lines.append("")
    lines += [f"metrics of {kind}: {', '.join(levels)}" for kind, levels in LEVELS.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print_line(describe_happenings())
