"""What is published about an incident, readable by mail, in a chat and by a program.

SNS delivers another text by each protocol (SNS API reference, Publish, MessageStructure). Chats
subscribe as Amazon Q Developer in chat applications (once AWS Chatbot), by HTTPS, and show Slack
and Teams a custom notification (its Administrator Guide, "Custom notifications"): one whose
`threadId` is the incident's, so that its messages are one thread. Everybody else gets plain text.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from components.facts.alarm_numbers import PAGING_SEVERITIES, Severity
from ops.core.plan import Call, SentRecord, Step, Wait
from ops.core.record_step import hide_placeholders
from ops.outputs import Outputs

TopicLevel = Literal["page", "warn"]
# SNS API reference, Publish: at most 100 characters of ASCII, on one line.
MAX_SUBJECT_CHARACTERS: Final = 100
# Of a text in an announcement; the whole of it is in the incident.
MAX_ANNOUNCED_CHARACTERS: Final = 1500
SEND_TIMEOUT_SECONDS: Final = 600
# Slack API, "Formatting text for app surfaces": the three characters that must be escaped. With
# them no text mentions a channel or a person.
CHAT_ESCAPES: Final = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}


@dataclass(frozen=True)
class Announcement:
    """What is told: a title, sentences, and the lines to run next, of the program's own making.

    `facts` are texts of people by what they are; `level` is the topic.
    """

    incident: str
    level: TopicLevel
    title: str
    facts: Sequence[tuple[str, str]]
    next_steps: Sequence[str]


def get_topic_level(severity: Severity | None) -> TopicLevel:
    """The topic of a severity, as of an alarm's."""
    return "page" if severity in PAGING_SEVERITIES else "warn"


def build_announcement_step(outputs: Outputs, announcement: Announcement) -> Step:
    """Builds the step that publishes it.

    SNS answers that it took the message, and has no read that shows one: that answer is the goal.
    If it was lost, the message is sent again, since twice is better than not at all.
    """
    topic = (
        outputs.alarms.page_topic_arn
        if announcement.level == "page"
        else outputs.alarms.warn_topic_arn
    )
    message = {
        "default": format_plain_text(announcement),
        "https": json.dumps(build_chat_notification(announcement)),
    }
    return Step(
        name="announce",
        description=f"announce it to the {announcement.level} topic",
        action=Call(
            api="sns.publish",
            params={
                "TopicArn": topic,
                "Subject": format_subject(announcement.title),
                "MessageStructure": "json",
                "Message": hide_placeholders(json.dumps(message)),
            },
            region=outputs.stack.region,
        ),
        goal=Wait(
            read=SentRecord(step="announce"),
            met={"sent": True},
            every=5,
            within=SEND_TIMEOUT_SECONDS,
        ),
    )


def format_subject(title: str) -> str:
    """The subject of a mail: ASCII, one line, without what a plan would fill in."""
    subject = " ".join(title.split()).encode("ascii", "replace").decode()
    subject = re.sub(r"[^ -~]|\$(?=\{)", "?", subject)
    if len(subject) > MAX_SUBJECT_CHARACTERS:
        subject = f"{subject[: MAX_SUBJECT_CHARACTERS - 3]}..."
    return subject


def format_plain_text(announcement: Announcement) -> str:
    """The text of a mail."""
    lines = [announcement.title, ""]
    lines += [f"{label}: {_shorten(text)}" for label, text in announcement.facts if text]
    lines += ["", *announcement.next_steps]
    return "\n".join(lines)


def build_chat_notification(announcement: Announcement) -> dict[str, object]:
    """The custom notification of a chat, in which people's texts are only text."""
    lines = [
        f"*{label}:* {escape_chat(_shorten(text))}" for label, text in announcement.facts if text
    ]
    return {
        "version": "1.0",
        "source": "custom",
        "content": {
            "textType": "client-markdown",
            "title": escape_chat(announcement.title),
            "description": "\n".join(lines),
            "nextSteps": [escape_chat(line) for line in announcement.next_steps],
        },
        "metadata": {
            "threadId": announcement.incident,
            "summary": escape_chat(announcement.title),
            "eventType": "incident",
        },
    }


def escape_chat(text: str) -> str:
    """Text in which a chat finds no mention and no link under another name."""
    return text.translate(CHAT_ESCAPES).replace("](", "] (")


def _shorten(text: str) -> str:
    return (
        text if len(text) <= MAX_ANNOUNCED_CHARACTERS else f"{text[:MAX_ANNOUNCED_CHARACTERS]}..."
    )
