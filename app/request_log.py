"""A line of the log for each request, with its metrics, and the trace id that its answer carries.

The load balancer adds X-Amzn-Trace-Id to each request: Application Load Balancers User Guide,
"Request tracing". Its `Root` is the trace id.
"""

import logging
import re
import secrets
import time
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import build_extra
from app.metrics import FIRST_SERVER_ERROR, build_request_metrics

TRACE_HEADER: Final = "X-Amzn-Trace-Id"
ROOT_PATTERN: Final = re.compile(r"(?:^|;)\s*Root=([A-Za-z0-9-]{1,100})(?=;|$)")
UNMEASURED_PATHS: Final = ("/", "/health")  # asked by the load balancer, not by users
logger = logging.getLogger("app.request")


def find_trace_id(header: str | None) -> str | None:
    """The trace id in the value of X-Amzn-Trace-Id; None if there is none."""
    match = ROOT_PATTERN.search(header or "")
    return match[1] if match else None


def build_trace_id() -> str:
    """A trace id as the load balancer makes them: version, seconds since 1970, 96 random bits."""
    return f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"


class RequestLog:
    """Middleware that writes the line. It is the outermost, so that it sees what users get."""

    def __init__(self, app: ASGIApp, service_name: str) -> None:
        self._app, self._service_name = app, service_name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace_id = find_trace_id(Headers(scope=scope).get(TRACE_HEADER)) or build_trace_id()
        start, status = time.perf_counter(), 500  # of a request that is not answered at all

        async def send_traced(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[TRACE_HEADER] = f"Root={trace_id}"
            await send(message)

        try:
            await self._app(scope, receive, send_traced)
        except Exception:
            logger.exception("The request failed.", extra=build_extra({"trace_id": trace_id}))
            raise
        finally:
            self._write_line(scope, status, (time.perf_counter() - start) * 1000, trace_id)

    def _write_line(
        self, scope: Scope, status: int, response_time_ms: float, trace_id: str
    ) -> None:
        """Writes the line. The query is left out: it may hold what belongs in no log."""
        response_time_ms = round(response_time_ms, 2)
        fields = {
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "response_time_ms": response_time_ms,
            "trace_id": trace_id,
        }
        if scope["path"] not in UNMEASURED_PATHS:
            fields |= build_request_metrics(
                service=self._service_name,
                status=status,
                response_time_ms=response_time_ms,
                timestamp_ms=int(time.time() * 1000),
            )
        level = logging.ERROR if status >= FIRST_SERVER_ERROR else logging.INFO
        logger.log(level, "request", extra=build_extra(fields))
