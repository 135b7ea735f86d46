"""What is open, unprotected or not watched in the account and the stack, as AWS has it now."""
