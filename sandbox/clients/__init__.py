"""Clients that go on using the stack while it is operated on, and tell what they saw of it."""
