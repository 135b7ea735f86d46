"""`ops cache`: the cache as it is, how well it serves, and connected to."""
