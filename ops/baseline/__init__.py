"""A baseline: the stack as it was at a time, captured, stored and compared."""
