"""The health of the stack: the registry of checks, and `ops health`. Reads only."""
