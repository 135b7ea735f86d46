"""The command line: assembles the nouns, and holds what their commands share."""
