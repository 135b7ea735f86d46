"""What the commands of `ops keys` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.permissions.call_sets import CHANGE

BAD_HOURS: Final = ("soon", "-1h", "31d")
DECLARATIONS: Final = (
    Declaration(
        "keys rotate",
        # Whoever can create a key of a user can do what the user can: docs/decisions/0020.
        role="recoverer",
        calls=(
            *CHANGE,
            "iam.create_access_key",
            "iam.delete_access_key",
            "iam.get_access_key_last_used",
            "iam.list_access_keys",
            "iam.list_user_tags",
            "iam.update_access_key",
            "secretsmanager.create_secret",
            "secretsmanager.describe_secret",
            "secretsmanager.put_secret_value",
            "secretsmanager.update_secret_version_stage",
        ),
        needs={"USER": "exporter"},
        bad={"USER": ("no such user",), "--unused": BAD_HOURS, "--grace": BAD_HOURS},
        judged_by_aws={"USER": "whether there is such a user, and whether it is the stack's"},
    ),
)
