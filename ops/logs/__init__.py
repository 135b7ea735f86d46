"""The noun `logs`: the lines of the stack's parts, searched, grouped and queried."""
