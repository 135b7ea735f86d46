"""An in-memory AWS with the stack deployed into it by the program itself."""
