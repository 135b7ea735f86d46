"""Says on stderr how far a statement is that takes long, while it runs."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from pydantic import JsonValue

from ops.cli.streams import build_console
from ops.core.errors import OpsError

PROGRESS_INTERVAL_SECONDS: Final = 2.0


@contextmanager
def show_statement_progress(
    fetch_rows: Callable[[], Sequence[Mapping[str, JsonValue]]], close: Callable[[], None]
) -> Iterator[None]:
    """Reads the first value of the first row every two seconds and prints it when it changes.

    That the progress cannot be read is said once, and stops nothing.
    """
    is_over = threading.Event()

    def watch() -> None:
        printed_text = None
        while not is_over.wait(PROGRESS_INTERVAL_SECONDS):
            try:
                rows = fetch_rows()
            except OpsError as error:
                _print(f"how far it is cannot be read: {error}")
                return
            text = next(iter(rows[0].values()), None) if rows else None
            if text is not None and text != printed_text and not is_over.is_set():
                printed_text = text
                _print(str(text))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(PROGRESS_INTERVAL_SECONDS)
        if not thread.is_alive():  # a connection is closed by nobody while it is read
            close()


def _print(text: str) -> None:
    stamp = time.strftime("%H:%M:%S", time.gmtime())
    build_console(stderr=True).print(f"{stamp}   {text}", markup=False, soft_wrap=True)
