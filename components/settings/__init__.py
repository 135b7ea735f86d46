"""The typed settings of a stack, read from Pulumi config and checked before anything is made.

`Settings` is the whole; each section is in a file of its own. A section's defaults are the
prod profile's; profiles.py says what dev changes. Every key is camelCase in Pulumi's config.
"""

from components.settings.loader import SettingsError, load_settings, parse_settings
from components.settings.stack import Settings

__all__ = ["Settings", "SettingsError", "load_settings", "parse_settings"]
