"""How moto is mended: operations added to its response classes, methods of its models wrapped.

A mend's module holds a `Mend` and declares on it; nothing changes until `Mend.apply()`.
What a mend must remember is kept on moto's own backend, which is one for each account and
region and forgets everything when moto is reset.
"""

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

from moto.core.base_backend import BaseBackend
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores

T = TypeVar("T")
Wrapper = TypeVar("Wrapper", bound=Callable[..., Any])
Handler = TypeVar("Handler", bound=Callable[[Any, dict[str, Any]], object])


class AwsError(ServiceException):
    """What AWS answers where it refuses: `Refused(code, message)`, with AWS's own code."""


class ServicePatch:
    """What is changed of one service. Applied once, however often `apply` is called."""

    def __init__(self) -> None:
        self._changes: list[Callable[[], None]] = []

    def add_operation(
        self, response_class: type[BaseResponse], name: str
    ) -> Callable[[Handler], Handler]:
        """Adds, or replaces, an API operation.

        The handler gets the response object and the parameters under the API's own names, and
        returns the result under the API's own names, or raises Refused.
        """

        def declare(handler: Handler) -> Handler:
            def method(response: BaseResponse) -> ActionResult:
                return ActionResult(handler(response, parse_request_parameters(response)))

            method.__name__ = camelcase_to_underscores(name)
            self._changes.append(lambda: setattr(response_class, method.__name__, method))
            return handler

        return declare

    def wrap(self, owner: type, name: str) -> Callable[[Wrapper], Wrapper]:
        """Wraps a method or property: the wrapper gets the original first, then its arguments."""

        def declare(wrapper: Wrapper) -> Wrapper:
            self._changes.append(lambda: setattr(owner, name, _build_wrapper(owner, name, wrapper)))
            return wrapper

        return declare

    def add_change(self, change: Callable[[], None]) -> Callable[[], None]:
        """Adds a change of any other kind."""
        self._changes.append(change)
        return change

    def add_routes(self, urls: ModuleType, response_class: type[BaseResponse], *paths: str) -> None:
        """Adds URL paths of a REST service, like {0}/backup/jobs."""

        def change() -> None:
            url_paths: dict[str, Any] = vars(urls)["url_paths"]
            vars(urls)["url_paths"] = dict.fromkeys(paths, response_class.dispatch) | url_paths

        self._changes.append(change)

    def apply(self) -> None:
        """Makes the changes."""
        changes, self._changes = self._changes, []
        for change in changes:
            change()


def _build_wrapper(owner: type, name: str, wrapper: Callable[..., Any]) -> Any:
    original = getattr(owner, name)
    if isinstance(original, property):
        return property(functools.partial(wrapper, original.fget), original.fset)
    if isinstance(inspect.getattr_static(owner, name), staticmethod):
        return staticmethod(functools.partial(wrapper, original))

    @functools.wraps(original)
    def method(moto_object: Any, *args: Any, **kwargs: Any) -> Any:
        return wrapper(original, moto_object, *args, **kwargs)

    return method


def parse_request_parameters(response: BaseResponse) -> dict[str, Any]:
    """The parameters of the request, under the API's own names. moto's own stay as they were."""
    before = {key: vars(response)[key] for key in ("params",) if key in vars(response)}
    response.PROTOCOL_PARSER_MAP_TYPE = dict
    response.parse_parameters(response.normalized_request)
    params = {**response.uri_match, **response.params}
    del response.PROTOCOL_PARSER_MAP_TYPE
    vars(response).update(before)
    return params


def backend_state(backend: BaseBackend, key: str, factory: Callable[[], T]) -> T:
    """What a mend remembers of one account and region, empty after moto's reset."""
    state: T = backend.__dict__.setdefault(f"mended_{key}", factory())
    return state
