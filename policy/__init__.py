"""The policy pack: what no resource of a stack may be, whoever wrote it."""
