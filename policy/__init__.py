"""The policy pack: rules that every resource of a stack must follow."""
