"""`ops incident`: an incident from its opening to its post-mortem."""
