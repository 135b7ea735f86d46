"""`ops lock`: who changes the stack now. The lock itself is in ops/core/lock.py."""
