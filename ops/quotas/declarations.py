"""What the commands of `ops quotas` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.core.quota_apis import DEFAULT_QUOTA_API, QUOTA_API
from ops.permissions.call_sets import CHANGE
from ops.quotas.apis import QUOTA_REQUESTS_API, REQUEST_API, REQUESTS_API
from ops.quotas.check_records import CHECKS

DECLARATIONS: Final = (
    Declaration(
        "quotas",
        role="reader",
        calls=("sts.get_caller_identity", *CHECKS[0].calls),
    ),
    Declaration("quotas requests", role="reader", calls=(REQUESTS_API,)),
    Declaration(
        "quotas request",
        role="operator",
        calls=(*CHANGE, QUOTA_API, DEFAULT_QUOTA_API, QUOTA_REQUESTS_API, REQUEST_API),
        needs={"CODE": "L-7B6409FD", "--value": "60"},
        bad={
            "CODE": ("nonsense", "L-FE177D64"),
            "--value": ("0", "-1", "40"),
            "--in": ("nonsense", "us-west-2"),
        },
        judged_by_aws={
            "--value": "what applies now",
            "--in": "the regions are the stack's",
        },
    ),
)
