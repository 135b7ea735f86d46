"""`ops usage`: how much of the stack's capacity is used."""
