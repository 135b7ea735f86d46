"""Faults of a served sandbox, and the address at which they are set.

    curl -X POST $AWS_ENDPOINT_URL/sandbox-api/faults \\
        -d '[{"fault": "throttled", "share": 0.2}, {"fault": "lag", "seconds": 30}]'

POST replaces all of them, GET shows them, DELETE ends them.
"""

import io
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, TypeAlias

from moto.core.request import Request

from sandbox.faults import FAULTS, Asked, LostError, Reply, answered, current, parsed, put

PATH: Final = "/sandbox-api/faults"
LOST: Final[Reply] = (504, {}, "the answer is lost")
Application: TypeAlias = Callable[[dict[str, Any], Any], Iterable[bytes]]


def faulty(application: Application) -> Application:
    """The application with faults in front of it, and the address of the faults."""

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == PATH:
            return _administered(environ, start_response)
        if not current():
            return application(environ, start_response)
        body = _body(environ)

        def perform() -> tuple[int, Any, Any]:
            said: list[Any] = []

            def keep(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
                said[:] = [int(status.split()[0]), headers]

            content = b"".join(application({**environ, "wsgi.input": io.BytesIO(body)}, keep))
            return said[0], dict(said[1]), content

        asked = Asked(Request({**environ, "wsgi.input": io.BytesIO(body)}), perform)
        try:
            reply = answered(asked)
        except LostError:
            _hung_up(environ)
            reply = LOST
        return _sent(reply, start_response)

    return serve


def _body(environ: dict[str, Any]) -> bytes:
    """The request's body: whole, however long it says it is, or in chunks to the end."""
    source = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    found: bytes = source.read(int(length)) if length else b""
    if not length and environ.get("wsgi.input_terminated"):
        found = source.read()
        environ["CONTENT_LENGTH"] = str(len(found))
    return found


def _sent(reply: tuple[int, Any, Any], start_response: Any) -> Iterable[bytes]:
    status, headers, body = reply
    content = body.encode() if isinstance(body, str) else bytes(body)
    kept = {k: str(v) for k, v in headers.items() if k.lower() not in ("content-length", "status")}
    listed = [*kept.items(), ("Content-Length", str(len(content)))]
    start_response(f"{status} sandbox", listed)
    return [content]


def _hung_up(environ: dict[str, Any]) -> None:
    """Ends the connection without a word, where there is one."""
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _administered(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    match environ["REQUEST_METHOD"]:
        case "POST":
            try:
                put(*parsed(_body(environ)))
            except ValueError as error:
                return _sent((400, {"Content-Type": "text/plain"}, f"{error}\n"), start_response)
        case "DELETE":
            put()
        case "GET":
            pass
        case _:
            return _sent((405, {"Allow": "GET, POST, DELETE"}, ""), start_response)
    shown = FAULTS.dump_json(current(), indent=2)
    return _sent((200, {"Content-Type": "application/json"}, shown), start_response)
