"""Checklists: what is looked at each day, week and month, and around a deployment."""
