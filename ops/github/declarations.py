"""What the commands of `ops github` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration

DECLARATIONS: Final = (
    Declaration(
        "github comment",
        role=None,
        needs={"FILE": "{previews}/empty.json", "--pull-request": "7"},
        bad={"FILE": ("/no/such/file", "/dev/null")},
    ),
    Declaration(
        "github issue",
        role=None,
        needs={"SUBJECT": "test", "FILE": "{previews}/empty.json", "--state": "failing"},
        bad={
            "SUBJECT": (
                "a-->b",
                "a<b",
                "x" * 101,
            ),
            "FILE": ("/no/such/file",),
        },
    ),
)
