"""What guards the sandbox's account, as a landing zone sets it up before any stack is deployed.

Public access of S3 is blocked for the account. Each is made only if it is not there yet: several
stacks share an account.
"""

from sandbox.aws import ACCOUNT_ID, get_client


def guard_account(region: str) -> None:
    """Guards the account, and the region that a stack is deployed into."""
    _block_public_buckets(region)


def _block_public_buckets(region: str) -> None:
    get_client("s3control", region).put_public_access_block(
        AccountId=ACCOUNT_ID,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
