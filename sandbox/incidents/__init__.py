"""Incidents of the sandbox."""
