"""The in-memory AWS of this process: moto, patched, never a request to the real AWS."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any, Final
from unittest.mock import patch

import boto3
import moto.core.responses
import moto.core.routing
import moto.core.utils
import moto.kms.models
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from moto import mock_aws
from moto.core.loaders import create_loader
from moto.core.utils import method_names_from_class
from moto.kms.utils import KeySpec, generate_private_key
from werkzeug.routing import Map, Rule

from sandbox.garbage_collection import reduce_garbage_collections

ACCOUNT_ID: Final = "123456789012"
AWS_PARTITION: Final = "aws"
# Settings that moto reads from the environment. moto's own AMIs would be some 1300 snapshots;
# roles attach the managed policies.
_ACCESS_KEYS: Final = ("testing", "testing")
_ENVIRONMENT: Final = {
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "AWS_ACCESS_KEY_ID": _ACCESS_KEYS[0],
    "AWS_SECRET_ACCESS_KEY": _ACCESS_KEYS[1],
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
_CLIENT_CONFIG: Final = Config(
    parameter_validation=True, retries={"total_max_attempts": 1, "mode": "standard"}
)
_PULUMI_USER_AGENT: Final = "Pulumi/1.0"  # a part of the provider's; the rest is its version
_active_lock = threading.Lock()


class RealAwsError(RuntimeError):
    """A request that would have left this process."""


@contextmanager
def use_in_memory_aws(region: str) -> Iterator[None]:
    """Provides an empty AWS in this process until the end of the block, then discards it.

    No request leaves the process: one that moto does not answer raises RealAwsError.
    """
    if not _active_lock.acquire(blocking=False):
        raise RuntimeError("there is an in-memory AWS in this process already")
    try:
        _apply_patches()
        other_variables = {
            name: value for name, value in os.environ.items() if not name.startswith("AWS_")
        }
        environment = {**_ENVIRONMENT, **other_variables, "AWS_DEFAULT_REGION": region}
        with (
            patch.dict(os.environ, environment, clear=True),
            patch.object(URLLib3Session, "send", _refuse_request),
            patch.object(moto.core.routing, "_create_map", _create_url_map),
            # Work that moto repeats or does in vain: a tenth of a deployment each.
            patch.object(moto.core.responses, "method_names_from_class", _get_method_names),
            patch.object(moto.core.utils, "create_loader", _create_loader),
            patch.object(moto.kms.models, "generate_private_key", _generate_private_key),
            mock_aws(config={"core": {"mock_credentials": False, "reset_boto3_session": True}}),
        ):
            yield
    finally:
        _active_lock.release()


def is_in_memory_aws_active() -> bool:
    """True inside `use_in_memory_aws`."""
    return _active_lock.locked()


def get_client(service: str, region: str) -> Any:
    """A client of the in-memory AWS, cached by service and region, as creating one is slow."""
    if not is_in_memory_aws_active():
        raise RealAwsError(f"no in-memory AWS to call {service} in: use use_in_memory_aws()")
    return _create_client(service, region)


def get_pulumi_client(service: str, region: str) -> Any:
    """The same, whose calls say that they are Pulumi's, as those of its provider do."""
    get_client(service, region)
    return _create_client(service, region, _PULUMI_USER_AGENT)


@cache
def _create_client(service: str, region: str, user_agent: str = "") -> Any:
    config = _CLIENT_CONFIG.merge(Config(user_agent_extra=user_agent))
    return _create_session().client(service, region_name=region, config=config)  # type: ignore[call-overload]


@cache
def _create_session() -> boto3.Session:
    return boto3.Session(*_ACCESS_KEYS)


_get_method_names: Final = cache(method_names_from_class)


_create_loader: Final = cache(create_loader)


_url_map_lock = threading.Lock()
_create_url_map_unlocked: Final = moto.core.routing._create_map


def _create_url_map(rules: list[Rule]) -> Map:
    """Builds a service's URL map, in one thread at a time.

    werkzeug compiles its rules through `ast`, whose recursion counter all threads share before
    Python 3.13: two at once may end in "SystemError: AST constructor recursion depth mismatch"
    (https://github.com/python/cpython/issues/106905).
    """
    with _url_map_lock:
        return _create_url_map_unlocked(rules)


def _generate_private_key(key_spec: str) -> Any:
    """Only an asymmetric key can sign."""
    is_symmetric = key_spec == KeySpec.SYMMETRIC_DEFAULT
    return None if is_symmetric else generate_private_key(key_spec)


def _refuse_request(_: object, request: Any) -> Any:
    raise RealAwsError(f"{request.method} {request.url} would have left the sandbox")


@cache
def _apply_patches() -> None:
    with reduce_garbage_collections():
        import_module("sandbox.patches").apply_patches()
