"""Faults of a served sandbox, and the address at which they are set.

    curl -X POST $AWS_ENDPOINT_URL/sandbox-api/faults \\
        -d '[{"fault": "throttled", "share": 0.2}, {"fault": "lag", "seconds": 30}]'

POST replaces all of them, GET shows them, DELETE ends them.
"""

import io
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, TypeAlias, cast

from moto.core.request import Request

from sandbox.faults import (
    FAULTS_ADAPTER,
    AnswerLostError,
    AwsRequest,
    Fault,
    RawReply,
    answer_with_faults,
    list_active_faults,
    parse_faults,
    set_faults,
)

FAULTS_PATH: Final = "/sandbox-api/faults"
LOST_ANSWER_REPLY: Final[RawReply] = (504, {}, "the answer is lost")
WsgiApplication: TypeAlias = Callable[[dict[str, Any], Any], Iterable[bytes]]


def add_faults(application: WsgiApplication) -> WsgiApplication:
    """The application with faults in front of it, and the address of the faults."""

    def handle_request(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == FAULTS_PATH:
            return _handle_faults_request(environ, start_response)
        if not list_active_faults():
            return application(environ, start_response)
        body = _read_body(environ)

        def perform() -> tuple[int, Any, Any]:
            status_and_headers: list[Any] = []

            def record_start(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
                status_and_headers[:] = [int(status.split()[0]), headers]

            content = b"".join(
                application({**environ, "wsgi.input": io.BytesIO(body)}, record_start)
            )
            return status_and_headers[0], dict(status_and_headers[1]), content

        aws_request = AwsRequest(Request({**environ, "wsgi.input": io.BytesIO(body)}), perform)
        try:
            reply = answer_with_faults(aws_request)
        except AnswerLostError:
            _close_connection(environ)
            reply = LOST_ANSWER_REPLY
        return _send_reply(reply, start_response)

    return handle_request


def _read_body(environ: dict[str, Any]) -> bytes:
    """The request's whole body: by its length, or in chunks to the end."""
    source = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    content: bytes = source.read(int(length)) if length else b""
    if not length and environ.get("wsgi.input_terminated"):
        content = source.read()
        environ["CONTENT_LENGTH"] = str(len(content))
    return content


def _send_reply(reply: tuple[int, Any, Any], start_response: Any) -> Iterable[bytes]:
    status, headers, body = reply
    content = body.encode() if isinstance(body, str) else bytes(body)
    reply_headers = {
        name: str(value)
        for name, value in headers.items()
        if name.lower() not in ("content-length", "status")
    }
    header_list = [*reply_headers.items(), ("Content-Length", str(len(content)))]
    start_response(f"{status} sandbox", header_list)
    return [content]


def _close_connection(environ: dict[str, Any]) -> None:
    """Closes the connection, if there is one, without an answer; what is sent then goes nowhere."""
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _handle_faults_request(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    match environ["REQUEST_METHOD"]:
        case "POST":
            try:
                set_faults(*parse_faults(_read_body(environ)))
            except ValueError as error:
                return _send_reply(
                    (400, {"Content-Type": "text/plain"}, f"{error}\n"), start_response
                )
        case "DELETE":
            set_faults()
        case "GET":
            pass
        case _:
            return _send_reply((405, {"Allow": "GET, POST, DELETE"}, ""), start_response)
    active_faults = cast(list[Fault], list_active_faults())  # as they were posted
    faults_json = FAULTS_ADAPTER.dump_json(active_faults, indent=2)
    return _send_reply((200, {"Content-Type": "application/json"}, faults_json), start_response)
