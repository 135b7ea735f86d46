"""The stack: one ComponentResource a file, named for what it is."""
