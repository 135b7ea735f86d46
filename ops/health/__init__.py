"""How the stack is: what each check reads, and what it finds. Reads only."""
