"""`ops rotate`: what is rotated, by whom, and when next."""
