"""`ops sandbox`: the stack in an in-memory AWS."""
