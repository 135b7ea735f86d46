"""The stack's alarms: listed, muted with an end, announced, and looked at by `ops health`."""
