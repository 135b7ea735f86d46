"""Tests of the service in app/: real processes, on a real PostgreSQL."""
