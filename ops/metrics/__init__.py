"""`ops metrics`: CloudWatch's metrics of the stack's parts."""
