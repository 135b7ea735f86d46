"""The stack's alarms: list, mute, announce, and the checks of `ops health`."""
