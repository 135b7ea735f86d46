"""What the commands of `ops bootstrap` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration

DECLARATIONS: Final = (
    Declaration(
        "bootstrap",
        role=None,
        plans=True,  # with no stack's role: there is no stack yet
        needs={"--repository": "owner/fork", "--region": "eu-north-1"},
        bad={
            "--repository": ("nonsense", "a/b/c", "-a/b"),
            "--repository-ids": ("nonsense", "1", "0/2", "1/2/3"),
            "--reviewers": ("a b", ",", "-a", "a,b,c,d,e,f,g"),
            "--recovery-region": ("nonsense", "eu-north-1"),
            "--domains": ("prod", "other=example.com", "prod=a b", "prod=a.com,prod=b.com"),
            "--environments": ("Prod", ",", "deploy", "prod,prod-eu"),
        },
    ),
)
