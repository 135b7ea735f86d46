"""`ops cache`: the cache as it is, how well it serves, cleared, and connected to."""
