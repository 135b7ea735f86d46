"""`ops lock`: who holds the lock on the stack. The lock itself is in ops/core/lock.py."""
