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

ServiceModel: TypeAlias = dict[str, Any]
SERVICE_MODEL_TYPE, ENDPOINT_RULES_TYPE, PAGINATORS_TYPE = (
    "service-2",
    "endpoint-rule-set-1",
    "paginators-1",
)
# What every client loads, whatever its service.
COMMON_DATA_FILES: Final = ("endpoints", "partitions", "sdk-default-configuration", "_retry")
CACHE_FORMAT_VERSION: Final = 2  # of the file
OTHERS_WRITE_MODE: Final = stat.S_IWGRP | stat.S_IWOTH  # others could then say where AWS is


class ReducedLoader(Loader):
    """Loads what is kept, and everything else as botocore does."""

    def __init__(self, models: Mapping[str, Any]) -> None:
        super().__init__()
        self._models = models

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> Any:
        """One model of a service: without asking what services there are."""
        model = self._models.get(f"{service_name}/{type_name}")
        if model is not None and api_version is None:
            return model
        return super().load_service_model(service_name, type_name, api_version)

    def load_data_with_path(self, name: str) -> Any:
        """A file of no service, and where it is: that of the kept ones matters to nobody."""
        if name in self._models:
            return self._models[name], ""
        return super().load_data_with_path(name)


def build_loader(apis: Collection[str]) -> Loader:
    """A loader for clients that call these operations, `service.operation`, and no others."""
    if os.environ.get("AWS_DATA_PATH") or Path(Loader.CUSTOMER_DATA_PATH).exists():
        return Loader()  # somebody has models of their own
    key = hashlib.sha256(
        repr((CACHE_FORMAT_VERSION, botocore.__version__, sorted(apis))).encode()
    ).hexdigest()
    path = get_cache_folder() / f"models-{key[:16]}.json"
    models = _load_cache(path)
    if models is None:
        models = build_reduced_models(apis)
        with contextlib.suppress(OSError):
            _write_cache(path, models)
    return ReducedLoader(models)


def get_cache_folder() -> Path:
    """Where caches of a user are (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bulwark"


def build_reduced_models(apis: Iterable[str]) -> ServiceModel:
    """What the clients of these operations load, and nothing else."""
    full_loader, reduced_models = Loader(), ServiceModel()
    operations_by_service: dict[str, set[str]] = {}
    for api in apis:
        service, operation = api.split(".")
        operations_by_service.setdefault(service, set()).add(operation.replace("_", ""))
    prefixes = set()
    for service, operations in sorted(operations_by_service.items()):
        model = full_loader.load_service_model(service, SERVICE_MODEL_TYPE)
        names = {name for name in model["operations"] if name.lower() in operations}
        reduced_models[f"{service}/{SERVICE_MODEL_TYPE}"] = reduce_model(model, names)
        reduced_models[f"{service}/{ENDPOINT_RULES_TYPE}"] = full_loader.load_service_model(
            service, ENDPOINT_RULES_TYPE
        )
        pages = full_loader.load_service_model(service, PAGINATORS_TYPE)["pagination"]
        reduced_models[f"{service}/{PAGINATORS_TYPE}"] = {
            "pagination": {
                operation_name: pages[operation_name] for operation_name in names & pages.keys()
            }
        }
        prefixes.add(model["metadata"]["endpointPrefix"])
    for name in COMMON_DATA_FILES:
        reduced_models[name] = full_loader.load_data(name)
    reduced_models["endpoints"] = {
        **reduced_models["endpoints"],
        "partitions": [
            {
                **partition,
                "services": {
                    operation_name: service_data
                    for operation_name, service_data in partition["services"].items()
                    if operation_name in prefixes
                },
            }
            for partition in reduced_models["endpoints"]["partitions"]
        ],
    }
    return reduced_models


def reduce_model(model: ServiceModel, operations: Collection[str]) -> ServiceModel:
    """A service's model with some of its operations, the shapes they need, and no documentation."""
    reduced_operations = {name: model["operations"][name] for name in sorted(operations)}
    shapes: ServiceModel = {}
    pending_shapes = [
        shape for operation in reduced_operations.values() for shape in _list_shape_names(operation)
    ]
    while pending_shapes:
        name = pending_shapes.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            pending_shapes += _list_shape_names(shapes[name])
    excluded_keys = ("operations", "shapes", "documentation", "examples")
    other_fields = {key: value for key, value in model.items() if key not in excluded_keys}
    # The rest keeps its texts: botocore reads that of a client's context parameters.
    return {
        **other_fields,
        **_strip_documentation({"operations": reduced_operations, "shapes": shapes}),
    }


def _list_shape_names(value: object) -> Iterator[str]:
    """The names of the shapes that an operation or a shape refers to."""
    if isinstance(value, dict):
        if isinstance(name := value.get("shape"), str):
            yield name
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _list_shape_names(part)


def _strip_documentation(value: Any) -> Any:
    """Without the texts: a member may be called documentation, but is then an object."""
    if isinstance(value, dict):
        return {
            k: _strip_documentation(v)
            for k, v in value.items()
            if not (k in ("documentation", "documentationUrl") and isinstance(v, str))
        }
    return [_strip_documentation(v) for v in value] if isinstance(value, list) else value


def _load_cache(path: Path) -> ServiceModel | None:
    """What is kept, if it is whole and nobody else could have written it."""
    try:
        with path.open("rb") as file:
            file_status = os.fstat(file.fileno())
            if file_status.st_uid != os.getuid() or file_status.st_mode & OTHERS_WRITE_MODE:
                return None
            models: ServiceModel = json.load(file)
    except (OSError, ValueError):
        return None
    return models if isinstance(models, dict) else None


def _write_cache(path: Path, models: ServiceModel) -> None:
    """Keeps it, whole or not at all, instead of what was kept for another botocore."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(models, file, separators=(",", ":"))
    Path(name).replace(path)
    for old_path in path.parent.glob("models-*.json"):
        if old_path != path:
            old_path.unlink(missing_ok=True)
