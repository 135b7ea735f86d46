"""Checklists: what is checked each day, week and month, and around a deployment."""
