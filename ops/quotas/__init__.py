"""`ops quotas`: what the account may have of what the stack needs, and requests for more."""
