"""What the service answers: /, /health, /items and /items/ID, always in JSON."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import psycopg
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.database import Database
from app.items import (
    InputError,
    find_item,
    insert_item,
    list_items,
    parse_item,
    parse_item_id,
    parse_page,
)
from app.request_log import RequestLog, logger
from app.settings import Settings

MAX_BODY_BYTES: Final = 16_384


def build_application(settings: Settings) -> Starlette:
    """The application; its database is opened when it starts, and closed when it ends."""

    @asynccontextmanager
    async def run_with_database(application: Starlette) -> AsyncIterator[None]:
        application.state.database = database = Database(settings.database)
        await database.open()
        try:
            yield
        finally:
            await database.close()

    items_path = f"{settings.path_prefix}/items"
    return Starlette(
        routes=[
            Route("/", answer_root, methods=["GET"]),
            Route("/health", answer_health, methods=["GET"]),
            Route(items_path, answer_list, methods=["GET"]),
            Route(items_path, answer_new_item, methods=["POST"]),
            Route(f"{items_path}/{{item_id}}", answer_item, methods=["GET"], name="item"),
        ],
        middleware=[Middleware(RequestLog, service_name=settings.service_name)],
        exception_handlers={
            InputError: answer_input_error,
            HTTPException: answer_http_error,
            psycopg.OperationalError: answer_database_error,
        },
        lifespan=run_with_database,
    )


def get_database(request: Request) -> Database:
    """The database of the application."""
    database = request.app.state.database
    assert isinstance(database, Database)
    return database


async def answer_root(_: Request) -> JSONResponse:
    """200 while the process runs: what the stack's load balancer asks by default."""
    return JSONResponse({"status": "running"})


async def answer_health(request: Request) -> JSONResponse:
    """200 if the database answers, else 503."""
    is_healthy = await get_database(request).is_answering()
    return JSONResponse(
        {
            "status": "healthy" if is_healthy else "unhealthy",
            "database": "connected" if is_healthy else "disconnected",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        },
        200 if is_healthy else 503,
    )


async def answer_list(request: Request) -> JSONResponse:
    """A page of items; `next` is the `after` of the next page, null on the last."""
    page = parse_page(request.query_params)
    async with get_database(request).connect() as connection:
        items = await list_items(connection, page)
    next_after = items[-1]["id"] if len(items) == page.limit else None
    return JSONResponse({"items": items, "next": next_after})


async def answer_item(request: Request) -> JSONResponse:
    """One item, or 404."""
    item_id = parse_item_id(request.path_params["item_id"])
    async with get_database(request).connect() as connection:
        item = await find_item(connection, item_id)
    if item is None:
        raise HTTPException(404, f"There is no item {item_id}.")
    return JSONResponse(item)


async def answer_new_item(request: Request) -> JSONResponse:
    """Writes the item of the body: 201, and where it is."""
    new_item = parse_item(await read_body(request))
    async with get_database(request).connect() as connection:
        item = await insert_item(connection, new_item)
    location = request.app.url_path_for("item", item_id=item["id"])
    return JSONResponse(item, 201, {"Location": str(location)})


async def read_body(request: Request) -> bytes:
    """The body, of which no more is read than it may have. Raises InputError."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise InputError(f"The body must have at most {MAX_BODY_BYTES} bytes.")
    return body


async def answer_input_error(_: Request, error: Exception) -> JSONResponse:
    """400, and what is wrong with the request."""
    return JSONResponse({"error": str(error)}, 400)


async def answer_http_error(_: Request, error: Exception) -> JSONResponse:
    """404, 405 and the like."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def answer_database_error(_: Request, error: Exception) -> JSONResponse:
    """503: the database is away, or too slow. Whether it wrote something is unknown then."""
    logger.error("The database did not answer the request: %s", error)
    return JSONResponse({"error": "The database does not answer."}, 503, {"Retry-After": "1"})
