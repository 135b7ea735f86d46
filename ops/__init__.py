"""The runbook as a program. Never imports pulumi."""
