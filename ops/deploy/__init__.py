"""`ops deploy`: a stack deployed by its Pulumi program."""
