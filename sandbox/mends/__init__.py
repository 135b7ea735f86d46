"""Where moto is not truthful it is mended here, one file a service or a part of one.

`apply()` comes before any server or mock starts. Every file that declares a `mend` takes part, in
the order of their names: what a file wraps, a later one may wrap again.
"""

import pkgutil
from functools import cache
from importlib import import_module

from sandbox.mends.patching import Mend


@cache
def mends() -> tuple[Mend, ...]:
    """All mends."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = (import_module(f"{__name__}.{name}") for name in names)
    return tuple(module.mend for module in modules if isinstance(vars(module).get("mend"), Mend))


def apply() -> None:
    """Mends moto in this process. Once is enough, more is harmless."""
    for mend in mends():
        mend.apply()
