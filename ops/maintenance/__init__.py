"""Maintenance windows, and what is pending until one."""
