"""Garbage collections, fewer while much is made and little dropped."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def rare_collections() -> Iterator[None]:
    """Looking for what a program dropped takes as long as a third of its run otherwise."""
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], 200_000), 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
