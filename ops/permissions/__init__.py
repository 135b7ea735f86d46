"""Permissions follow from plans: which IAM policy each command needs, computed from its calls.

`commands` says what each command calls, `apis` which IAM actions a call takes and on what,
`resources` how what stands there is named in this stack; `policies` puts them together. All of it
is data and pure functions of the names of a stack, so that the stack makes its roles of the same.
"""
