"""Clients that use the stack while it is operated on, and report what they observed."""
