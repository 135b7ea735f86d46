"""Restore, promotion, drill, rebuild: the database and the stack recovered."""
