"""Settings of tags: more of them than the stack's own, on everything that can carry tags.

Characters and lengths are those that every service of the stack takes (the API reference of each,
"Tag"). IAM takes no two keys that differ in their case alone (IAM User Guide, "Tags for AWS
Identity and Access Management resources").
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, Field

from components.facts.model import STACK_TAG_KEYS

# The tags of single resources, beside those of all.
RESOURCE_TAG_KEYS: Final = ("Name", "Tier")
RESERVED_PREFIXES: Final = ("aws:", "bulwark:")  # AWS's, and that of what operations create
MAX_KEY_CHARACTERS: Final = 128
MAX_VALUE_CHARACTERS: Final = 256
# A resource has at most 50. Operations tag what they create with the run and what it is from.
MAX_TAGS: Final = 50 - len(STACK_TAG_KEYS) - len(RESOURCE_TAG_KEYS) - 2
# A space at an end would not come back from every service, and so be a change for ever (assumed).
TAG_TEXT: Final = re.compile(r"[\w.:/=+@-]([\w.:/=+@ -]*[\w.:/=+@-])?")
CHARACTERS_RULE: Final = "letters, digits, spaces between others and . : / = + - @ _"


def _is_text(text: str, max_characters: int) -> bool:
    return len(text) <= max_characters and TAG_TEXT.fullmatch(text) is not None


def _validate_key(key: str) -> str:
    if not _is_text(key, MAX_KEY_CHARACTERS):
        raise ValueError(f"must be 1 to {MAX_KEY_CHARACTERS} {CHARACTERS_RULE}")
    if key.lower().startswith(RESERVED_PREFIXES):
        raise ValueError(f"must not begin with {' or '.join(RESERVED_PREFIXES)}")
    own_keys = (*STACK_TAG_KEYS, *RESOURCE_TAG_KEYS)
    if key.lower() in map(str.lower, own_keys):
        raise ValueError(
            f"must be none of {', '.join(own_keys)}, in any case: the stack sets these"
        )
    return key


def _validate_value(value: str) -> str:
    if not _is_text(value, MAX_VALUE_CHARACTERS) or value.lower().startswith("aws:"):
        raise ValueError(
            f"must be 1 to {MAX_VALUE_CHARACTERS} {CHARACTERS_RULE}, and not begin with aws:"
        )
    return value


def _validate_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    counts = Counter(key.lower() for key in tags)
    alike = sorted(key for key in tags if counts[key.lower()] > 1)
    if alike:
        raise ValueError(
            f"must hold no keys that differ in their case alone, as {' and '.join(alike)} do: IAM "
            "takes them for the same"
        )
    return tags


TagKey: TypeAlias = Annotated[str, AfterValidator(_validate_key)]
TagText: TypeAlias = Annotated[str, AfterValidator(_validate_value)]
ExtraTags: TypeAlias = Annotated[
    dict[TagKey, TagText], Field(max_length=MAX_TAGS), AfterValidator(_validate_tags)
]
