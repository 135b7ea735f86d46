"""`ops diagnose`: what is wrong, since when, because of what, and the command that mends it."""
