"""`ops network`: who reaches whom, and what the flow logs say of it."""
