"""A small service as the stack runs one: HTTP in front of PostgreSQL, and its migrations."""
