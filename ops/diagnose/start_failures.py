"""Why a task or an instance did not start or stay, by AWS's own words for it.

Sources: ECS Developer Guide, "Amazon ECS stopped tasks error messages", "CannotPullContainer task
errors", "Troubleshooting ECS ResourceInitializationError", "Service event messages"; EC2 Auto
Scaling User Guide, "Troubleshoot issues in Amazon EC2 Auto Scaling"; error codes of EC2's API.
"""

import re
from typing import Final

# The first that matches: what names the reason before what only names the step that failed.
START_FAILURES: Final = (
    ("out-of-memory", r"OutOfMemory|out of memory"),
    ("subnet-full", r"InsufficientFreeAddresses|free addresses|not have enough free|no free IP"),
    (
        "quota",
        r"LimitExceeded|reached the limit|MaxSpotInstanceCount|request an adjustment to this limit"
        r"|more vCPU capacity than your current|limit on the number of (?:tasks|vCPUs)",
    ),
    (
        "capacity",
        r"InsufficientInstanceCapacity|Insufficient capacity|[Cc]apacity is unavailable"
        r"|do not have sufficient .* capacity|no Spot capacity|is not supported in your requested "
        r"Availability Zone",
    ),
    (
        "key",
        r"KMS\w*Exception|KMS key|Access to KMS|kms:Decrypt|DisabledException|KMSInvalidState"
        r"|client error on launch",
    ),
    (
        "role",
        r"unable to assume|AssumeRole|Invalid IAM ?Instance ?Profile|PassRole"
        r"|The service linked role|not authorized to perform this operation",
    ),
    (
        "template",
        r"[Ii]mage id .*does not exist|launch template .*(?:does not exist|not found)"
        r"|InvalidLaunchTemplate|InvalidAMIID|AMI.*does not exist"
        r"|security group .* does not exist|key pair .* does not exist",
    ),
    (
        "secret-timeout",
        r"(?:secret|ssm|asm|registry auth).*(?:context deadline exceeded|i/o timeout"
        r"|request canceled|connection (?:timed out|issue)|RequestError: send request failed)",
    ),
    (
        "secret-missing",
        r"(?:secret|ssm|asm).*(?:ResourceNotFoundException|can't find the specified|did not contain"
        r"|ParameterNotFound|invalid (?:ssm )?parameters)|secret from Secrets Manager did",
    ),
    (
        "secret-denied",
        r"(?:secret|ssm|asm).*(?:AccessDenied|not authorized|access denied)",
    ),
    (
        "image-timeout",
        r"(?:CannotPull|pull image|registry auth).*(?:i/o timeout|context deadline|timed out"
        r"|dial tcp|Client\.Timeout|no such host)",
    ),
    (
        "image-refused",
        r"(?:CannotPull|pull image|registry auth).*(?:AccessDenied|not authorized|403 Forbidden"
        r"|authorization failed|denied)",
    ),
    (
        "image-missing",
        r"CannotPullImageManifest|CannotPull|image .*(?:not found|does not exist)"
        r"|manifest unknown|unable to pull",
    ),
    (
        "secret-other",
        r"unable to (?:pull|retrieve|fetch) secret|unable to get secret|secrets? from",
    ),
    ("target-unhealthy", r"ELB health check|failed (?:EC2|ELB) (?:status|health)|is unhealthy in"),
    ("container-unhealthy", r"container health check"),
    (
        "start-failed",
        r"CannotStartContainer|CannotCreateContainer|exec format error|not executable",
    ),
    ("network", r"network interface|ENI|networking"),
    # SIGKILL (128 + 9): also of a container that does not stop when it is told to.
    ("killed", r"exited with 137\b"),
    ("exit", r"[Ee]ssential container|exited with [1-9]|exited [1-9]"),
)
_PATTERNS: Final = tuple((key, re.compile(pattern)) for key, pattern in START_FAILURES)
OTHER_FAILURE: Final = "other"


def classify_start_failure(text: str) -> str:
    """The key of a reason in AWS's words; `other` for words that are not known."""
    flat_text = " ".join(text.split())
    return next((key for key, pattern in _PATTERNS if pattern.search(flat_text)), OTHER_FAILURE)
