"""What the commands of `ops preview-report` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration

DECLARATIONS: Final = (
    Declaration(
        "preview-report",
        role=None,
        needs={"FILE": "{previews}/empty.json"},
        bad={
            "FILE": ("/no/such/file", "{previews}/damaged.json"),
            "--to": ("/no/such/folder/comment.md",),
        },
    ),
)
