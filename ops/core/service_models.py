"""The service models of a few operations, kept between runs: what a short command parses of AWS.

botocore parses the model of a whole service for each client: EC2's alone has some 700 operations,
and a command that looks at things calls two of them. What the named operations need is cut out
once and kept in the user's cache folder, for the same botocore and the same operations. A cache
that is not there, not ours or not whole is made again; one that cannot be written is done without.
"""

import contextlib
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import botocore
from botocore.loaders import Loader

Model: TypeAlias = dict[str, Any]
SERVICE, RULES, PAGES = "service-2", "endpoint-rule-set-1", "paginators-1"
# What every client loads, whatever its service.
COMMON: Final = ("endpoints", "partitions", "sdk-default-configuration", "_retry")
FORMAT: Final = 2  # of the file
FOREIGN: Final = stat.S_IWGRP | stat.S_IWOTH  # others could then say where AWS is


class Cut(Loader):
    """Loads what is kept, and everything else as botocore does."""

    def __init__(self, kept: Mapping[str, Any]) -> None:
        super().__init__()
        self._kept = kept

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> Any:
        """One model of a service: without asking what services there are."""
        found = self._kept.get(f"{service_name}/{type_name}")
        if found is not None and api_version is None:
            return found
        return super().load_service_model(service_name, type_name, api_version)

    def load_data_with_path(self, name: str) -> Any:
        """A file of no service, and where it is: that of the kept ones matters to nobody."""
        if name in self._kept:
            return self._kept[name], ""
        return super().load_data_with_path(name)


def loader(apis: Collection[str]) -> Loader:
    """A loader for clients that call these operations, `service.operation`, and no others."""
    if os.environ.get("AWS_DATA_PATH") or Path(Loader.CUSTOMER_DATA_PATH).exists():
        return Loader()  # somebody has models of their own
    key = hashlib.sha256(repr((FORMAT, botocore.__version__, sorted(apis))).encode()).hexdigest()
    path = folder() / f"models-{key[:16]}.json"
    kept = _read(path)
    if kept is None:
        kept = made(apis)
        with contextlib.suppress(OSError):
            _write(path, kept)
    return Cut(kept)


def folder() -> Path:
    """Where caches of a user are (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bulwark"


def made(apis: Iterable[str]) -> Model:
    """What the clients of these operations load, and nothing else."""
    whole, kept = Loader(), Model()
    wanted: dict[str, set[str]] = {}
    for api in apis:
        service, operation = api.split(".")
        wanted.setdefault(service, set()).add(operation.replace("_", ""))
    prefixes = set()
    for service, operations in sorted(wanted.items()):
        model = whole.load_service_model(service, SERVICE)
        names = {name for name in model["operations"] if name.lower() in operations}
        kept[f"{service}/{SERVICE}"] = cut(model, names)
        kept[f"{service}/{RULES}"] = whole.load_service_model(service, RULES)
        pages = whole.load_service_model(service, PAGES)["pagination"]
        kept[f"{service}/{PAGES}"] = {"pagination": {n: pages[n] for n in names & pages.keys()}}
        prefixes.add(model["metadata"]["endpointPrefix"])
    for name in COMMON:
        kept[name] = whole.load_data(name)
    kept["endpoints"] = {
        **kept["endpoints"],
        "partitions": [
            {**p, "services": {n: s for n, s in p["services"].items() if n in prefixes}}
            for p in kept["endpoints"]["partitions"]
        ],
    }
    return kept


def cut(model: Model, operations: Collection[str]) -> Model:
    """A service's model with some of its operations, the shapes they need, and no documentation."""
    kept = {name: model["operations"][name] for name in sorted(operations)}
    shapes: Model = {}
    left = [shape for operation in kept.values() for shape in _shapes(operation)]
    while left:
        name = left.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            left += _shapes(shapes[name])
    spare = ("operations", "shapes", "documentation", "examples")
    rest = {key: value for key, value in model.items() if key not in spare}
    # The rest keeps its texts: botocore reads that of a client's context parameters.
    return {**rest, **_undocumented({"operations": kept, "shapes": shapes})}


def _shapes(value: object) -> Iterator[str]:
    """The names of the shapes that an operation or a shape refers to."""
    if isinstance(value, dict):
        if isinstance(name := value.get("shape"), str):
            yield name
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _shapes(part)


def _undocumented(value: Any) -> Any:
    """Without the texts: a member may be called documentation, but is then an object."""
    if isinstance(value, dict):
        return {
            k: _undocumented(v)
            for k, v in value.items()
            if not (k in ("documentation", "documentationUrl") and isinstance(v, str))
        }
    return [_undocumented(v) for v in value] if isinstance(value, list) else value


def _read(path: Path) -> Model | None:
    """What is kept, if it is whole and nobody else could have written it."""
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            if about.st_uid != os.getuid() or about.st_mode & FOREIGN:
                return None
            found: Model = json.load(file)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write(path: Path, kept: Model) -> None:
    """Keeps it, whole or not at all, instead of what was kept for another botocore."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(kept, file, separators=(",", ":"))
    Path(name).replace(path)
    for old in path.parent.glob("models-*.json"):
        if old != path:
            old.unlink(missing_ok=True)
