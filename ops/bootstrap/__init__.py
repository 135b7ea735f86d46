"""What stands before any stack: where Pulumi's state is, its keys, and who may deploy from GitHub.

`given` says whose it is and what everything is called, `documents` who may do what, `keys`,
`buckets` and `roles` are the steps that bring it about, and `looking` says which of them are there
already: the goal of a step is also what a check looks at.
"""
