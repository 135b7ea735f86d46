"""Whom to call in an incident, from the stack's settings."""

from collections.abc import Iterable

from ops.outputs import ContactEntry


def list_contact_facts(contacts: Iterable[ContactEntry]) -> list[tuple[str, str]]:
    """Whom to call, and after how long whom else, the first to call first."""
    return [
        (
            "Call" if not contact.after_minutes else f"After {contact.after_minutes} minutes",
            f"{contact.name}, {contact.reach}",
        )
        for contact in sort_contacts(contacts)
    ]


def sort_contacts(contacts: Iterable[ContactEntry]) -> list[ContactEntry]:
    """Contacts, the first to call first."""
    return sorted(contacts, key=lambda contact: contact.after_minutes)
