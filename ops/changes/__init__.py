"""`ops changes`: what changed in the stack, and who did it."""
