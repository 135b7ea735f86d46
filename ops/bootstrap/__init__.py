"""The foundation of an account: the bucket of Pulumi's state, its keys and GitHub's roles.

`names` has all names and `policies` all IAM policies. `keys`, `buckets` and `roles` build the
steps; `inspection` checks which of them are done: a check evaluates the goals of the same steps.
"""
