"""What a look of `ops diagnose` is, as data that the permissions of the command are made from."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from ops.diagnose.facts import Facts
    from ops.diagnose.reader import DiagnosisRequest
    from ops.outputs import Outputs

ReadFacts: TypeAlias = "Callable[[DiagnosisRequest], Facts]"


@dataclass(frozen=True)
class FactReader:
    """A look: how it is read, the calls to AWS that this takes, and the keys of its facts.

    `routine` is a function from a DiagnosisRequest to Facts, as `module:function`, which is
    imported when it is run: permissions are computed from looks without boto3.
    `keys` are patterns such as `ecs.stopped.*`. `is_now_only` is set if it cannot look at a past
    time. `parts` are what is unknown without it; none stands for all.
    """

    name: str
    routine: str
    apis: tuple[str, ...]
    keys: tuple[str, ...]
    is_now_only: bool = False
    parts: "Callable[[Outputs], tuple[str, ...]]" = lambda _: ()
    exists: "Callable[[Outputs], bool]" = lambda _: True

    def load_routine(self) -> "ReadFacts":
        """Imports its function."""
        module, _, name = self.routine.partition(":")
        routine: ReadFacts = getattr(import_module(module), name)
        return routine

    def is_source_of(self, pattern: str) -> bool:
        """True if a fact that the pattern matches can be this look's."""
        return any(fnmatchcase(key, pattern) or fnmatchcase(pattern, key) for key in self.keys)
