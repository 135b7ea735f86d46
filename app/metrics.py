"""Metrics in CloudWatch's embedded format: a line of the log that CloudWatch reads values from.

CloudWatch User Guide, "Specification: Embedded metric format": the members of `_aws`, targets at
the root, and any other members beside them. What writes lines needs nothing more: "Sending logs
manually" says that the header of PutLogEvents is optional.
"""

from typing import Any, Final

NAMESPACE: Final = "bulwark/app"
FIRST_SERVER_ERROR: Final = 500
METRICS: Final = {"Requests": "Count", "ServerErrors": "Count", "ResponseTime": "Milliseconds"}


def build_request_metrics(
    *, service: str, status: int, response_time_ms: float, timestamp_ms: int
) -> dict[str, Any]:
    """The members of a log line for one request. `timestamp_ms` is since 1970, UTC.

    The only dimension is the service: each further one would be paid for as metrics of its own
    (CloudWatch User Guide, "Dimensions"). Paths are in the log.
    """
    return {
        "_aws": {
            "Timestamp": timestamp_ms,
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [["Service"]],
                    "Metrics": [{"Name": name, "Unit": unit} for name, unit in METRICS.items()],
                }
            ],
        },
        "Service": service,
        "Requests": 1,
        "ServerErrors": int(status >= FIRST_SERVER_ERROR),
        "ResponseTime": response_time_ms,
    }
