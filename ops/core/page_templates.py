"""HTML pages of reports: the templates of ops/templates, in which every value is escaped."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

TEMPLATES_FOLDER: Final = Path(__file__).parents[1] / "templates"


def render_page(
    name: str, filters: Mapping[str, Callable[..., object]] | None = None, **values: object
) -> str:
    """Renders a template as a self-contained page; `filters` are those that it has beside Jinja's.

    A value that the template names and is not given is an error.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters or {}
    return environment.get_template(name).render(**values)
