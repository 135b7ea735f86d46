"""HTTP/1.1 on connections that stay open, for the sandbox's two servers.

`http.server` leaves the rest of a body in the connection, so that it is read as the next request;
werkzeug's development server therefore closes each connection, and an answer is lost if a body is
still on its way. Here every body is read to its end before the request is answered.
Source: https://github.com/pallets/werkzeug/issues/2397
"""

from http.server import BaseHTTPRequestHandler
from typing import Final

from werkzeug.serving import DechunkedInput

CHUNK_BYTES: Final = 1 << 20


class MalformedBodyError(ValueError):
    """A request's body has no readable length, or ended before it."""


def read_request_body(handler: BaseHTTPRequestHandler, kept_bytes: int | None = None) -> bytes:
    """Reads a request's whole body; returns it, at most `kept_bytes` of it.

    Raises MalformedBodyError if the length is no number or less comes: the connection then has to
    be closed.
    """
    codings = handler.headers.get("Transfer-Encoding", "").lower()
    if codings:
        if codings.strip() != "chunked":
            raise MalformedBodyError(f"Transfer-Encoding is {codings}, must be chunked")
        return _read_chunked_body(handler, kept_bytes)
    length_text = (handler.headers.get("Content-Length") or "0").strip()
    if not (length_text.isascii() and length_text.isdigit()):
        raise MalformedBodyError(f"Content-Length is {length_text}, must be a number of bytes")
    missing_bytes, body = int(length_text), bytearray()
    while missing_bytes:
        chunk = handler.rfile.read(min(missing_bytes, CHUNK_BYTES))
        if not chunk:
            raise MalformedBodyError(f"the body ended {missing_bytes} bytes before its length")
        missing_bytes -= len(chunk)
        body += chunk if kept_bytes is None else chunk[: max(0, kept_bytes - len(body))]
    return bytes(body)


def _read_chunked_body(handler: BaseHTTPRequestHandler, kept_bytes: int | None) -> bytes:
    source, body = DechunkedInput(handler.rfile), bytearray()  # type: ignore[arg-type]
    try:
        while chunk := source.read(CHUNK_BYTES):
            body += chunk if kept_bytes is None else chunk[: max(0, kept_bytes - len(body))]
    except OSError as error:
        raise MalformedBodyError(str(error)) from None
    return bytes(body)


class KeepAliveHandler(BaseHTTPRequestHandler):
    """A connection whose answers are each sent in one piece, without delay."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # buffered: http.server flushes after each request

    def handle_expect_100(self) -> bool:
        """Tells a client that waits for it to send the body."""
        is_accepted = super().handle_expect_100()
        self.wfile.flush()
        return is_accepted
