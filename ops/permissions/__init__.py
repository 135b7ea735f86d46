"""The IAM policy that each command needs, computed from the AWS calls that it makes.

`declared` has the calls of each command, `apis` the IAM actions of each call and `resources` their
ARNs; `policies` combines them. All of it is data and pure functions, which the stack also uses to
build its roles.
"""
