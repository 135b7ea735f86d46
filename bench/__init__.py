"""How fast it is, as ratios to what cannot be avoided, so that machines compare."""
