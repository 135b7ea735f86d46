"""Settings of a worker that scales with the depth of its queue."""

import re
from typing import Final

from pydantic import Field, field_validator, model_validator

from components.settings.section import Section

# Amazon SQS API reference, CreateQueue: at most 80 characters, a FIFO queue's end with .fifo.
QUEUE_PATTERN: Final = re.compile(
    r"^(arn:aws[a-z-]*:sqs:(?P<region>[a-z0-9-]+):\d{12}:)?"
    r"(?P<name>(?=.{1,80}$)[A-Za-z0-9_-]+(\.fifo)?)$"
)


class QueueScalingSettings(Section):
    """A worker's queue in Amazon SQS, and how many messages may wait for each task.

    The largest number of all targets counts: cpuTarget and memoryTarget hold beside it.
    """

    queue: str | None = Field(
        default=None,
        description="of a worker: name or ARN of the SQS queue that it works on, of this account "
        "and region; its tasks may call it if policyArns say so",
    )
    backlog_per_task: int | None = Field(
        default=None,
        ge=1,
        description="of a worker: visible messages for each running task to scale for: the seconds "
        "that a message may wait, divided by those that one takes",
    )

    @property
    def queue_name(self) -> str:
        """The queue's name, the value of CloudWatch's dimension; empty if there is none."""
        match = QUEUE_PATTERN.match(self.queue or "")
        return match["name"] if match else ""

    @property
    def queue_region(self) -> str | None:
        """The region of the queue's ARN; None if it is given by its name."""
        match = QUEUE_PATTERN.match(self.queue or "")
        return match["region"] if match else None

    @field_validator("queue")
    @classmethod
    def _validate_queue(cls, queue: str | None) -> str | None:
        if queue is not None and not QUEUE_PATTERN.match(queue):
            raise ValueError(
                "must be the name of an SQS queue, like mails or mails.fifo, or its ARN"
            )
        return queue

    @model_validator(mode="after")
    def _validate_pair(self) -> "QueueScalingSettings":
        if self.queue is None and self.backlog_per_task is not None:
            raise ValueError(
                f"backlogPerTask is {self.backlog_per_task}, must be set only with queue"
            )
        if self.queue is not None and self.backlog_per_task is None:
            raise ValueError(
                f"backlogPerTask is not set, must be so with queue ({self.queue!r}): 1 or more"
            )
        return self
