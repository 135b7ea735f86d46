"""What the looks at upkeep find: unused, open, old; found by checks, waived by people."""
