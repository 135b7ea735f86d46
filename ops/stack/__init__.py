"""The stack as Pulumi knows it: its outputs, and Pulumi itself."""
