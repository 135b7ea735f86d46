"""Garbage collections, fewer while much is made and little dropped."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reduce_garbage_collections() -> Iterator[None]:
    """Looking for what a program dropped takes as long as a third of its run otherwise."""
    previous_thresholds = gc.get_threshold()
    gc.set_threshold(max(previous_thresholds[0], 200_000), 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*previous_thresholds)
