"""How moto is patched: operations added to its response classes or replaced, methods wrapped.

A patch's module holds a `ServicePatch` and declares on it; nothing changes until
`ServicePatch.apply()`. `find_wrong_declarations` compares what is declared with moto as it is
without patches. State of a patch is stored on moto's own backend: one for each account and
region, emptied when moto is reset.
"""

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, Literal, TypeVar

from moto.core.base_backend import BaseBackend
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores

T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])
Handler = TypeVar("Handler", bound=Callable[[Any, dict[str, Any]], object])
Kind = Literal["add", "replace", "wrap"]
ABSENT: Final = object()  # moto's attribute before patching, if there is none


class AwsError(ServiceException):
    """AWS's answer to a request that it refuses: `AwsError(code, message)`, with AWS's own code."""


@dataclass(frozen=True)
class Declaration:
    """One attribute of a moto class that a patch sets, and moto's own before any patch."""

    kind: Kind
    owner: type
    name: str
    original: object

    @property
    def target(self) -> str:
        return f"{self.owner.__module__}.{self.owner.__qualname__}.{self.name}"


class ServicePatch:
    """The changes to one service. Applied once, however often `apply` is called."""

    def __init__(self) -> None:
        self.declarations: list[Declaration] = []
        self._changes: list[Callable[[], None]] = []

    def add_operation(
        self, response_class: type[BaseResponse], name: str
    ) -> Callable[[Handler], Handler]:
        """Adds an API operation that moto lacks, or whose method only raises NotImplementedError.

        The handler gets the response object and the parameters under the API's own names, and
        returns the result under the API's own names, or raises AwsError.
        """
        return self._set_operation("add", response_class, name)

    def replace_operation(
        self, response_class: type[BaseResponse], name: str
    ) -> Callable[[Handler], Handler]:
        """Replaces an API operation that moto has; the handler is as in `add_operation`."""
        return self._set_operation("replace", response_class, name)

    def replace(self, owner: type, name: str) -> Callable[[Function], Function]:
        """Replaces a method or property that moto has; the function gets its arguments."""

        def declare(function: Function) -> Function:
            def wrapper(_original: Any, *args: Any, **kwargs: Any) -> Any:
                return function(*args, **kwargs)

            self._declare("replace", owner, name)
            self._changes.append(lambda: setattr(owner, name, _build_wrapper(owner, name, wrapper)))
            return function

        return declare

    def wrap(self, owner: type, name: str) -> Callable[[Function], Function]:
        """Wraps a method or property: the wrapper gets the original first, then its arguments."""

        def declare(wrapper: Function) -> Function:
            self._declare("wrap", owner, name)
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

    def _declare(self, kind: Kind, owner: type, name: str) -> None:
        original = inspect.getattr_static(owner, name, ABSENT)
        self.declarations.append(Declaration(kind, owner, name, original))

    def _set_operation(
        self, kind: Kind, response_class: type[BaseResponse], name: str
    ) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            def method(response: BaseResponse) -> ActionResult:
                return ActionResult(handler(response, parse_request_parameters(response)))

            method.__name__ = camelcase_to_underscores(name)
            self._declare(kind, response_class, method.__name__)
            self._changes.append(lambda: setattr(response_class, method.__name__, method))
            return handler

        return declare


def find_wrong_declarations(patches: Iterable[ServicePatch]) -> list[str]:
    """What the patches declare and moto contradicts, one sentence for each; in applied order.

    An added operation must be missing in moto, a replaced or wrapped one must be there. A wrapper
    may also be around what an earlier patch adds. Nothing replaces what an earlier patch sets:
    that would undo it.
    """
    patched: set[tuple[type, str]] = set()
    problems = []
    for declaration in (d for patch in patches for d in patch.declarations):
        key, target = (declaration.owner, declaration.name), declaration.target
        is_implemented = _is_implemented(declaration.original)
        if declaration.kind != "wrap" and key in patched:
            problems.append(f"{target} is set by an earlier patch, which this one undoes.")
        elif declaration.kind == "add" and is_implemented:
            problems.append(f"{target} is added, but moto has it now: compare, then replace it.")
        elif declaration.kind != "add" and not is_implemented and key not in patched:
            problems.append(f"{target} is declared as {declaration.kind}, but moto lacks it.")
        patched.add(key)
    return problems


def _is_implemented(attribute: object) -> bool:
    """False if it is absent, or a function that does nothing but raise NotImplementedError."""
    if attribute is ABSENT:
        return False
    if not inspect.isfunction(attribute):
        return True
    function = ast.parse(textwrap.dedent(inspect.getsource(attribute))).body[0]
    if not isinstance(function, ast.FunctionDef):
        return True
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    if len(statements) != 1 or not isinstance(statements[0], ast.Raise):
        return True
    error = statements[0].exc
    name = error.func if isinstance(error, ast.Call) else error
    return not (isinstance(name, ast.Name) and name.id == "NotImplementedError")


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
    """The request's parameters under the API's own names. The response object stays unchanged."""
    before = {key: vars(response)[key] for key in ("params",) if key in vars(response)}
    response.PROTOCOL_PARSER_MAP_TYPE = dict
    response.parse_parameters(response.normalized_request)
    params = {**response.uri_match, **response.params}
    del response.PROTOCOL_PARSER_MAP_TYPE
    vars(response).update(before)
    return params


def backend_state(backend: BaseBackend, key: str, factory: Callable[[], T]) -> T:
    """State of a patch for one account and region, empty after moto's reset."""
    state: T = backend.__dict__.setdefault(f"sandbox_{key}", factory())
    return state
