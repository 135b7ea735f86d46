"""Which values of a task definition are not shown: those that may be secrets.

A secret belongs into `secrets`, which ECS reads when a task starts. What is in `environment` all
the same can be read by whoever may describe a task definition, but need not be on a screen as well.
"""

import re
from typing import Final

HIDDEN_TEXT: Final = "(hidden)"
# Words of a variable's name, of which any makes its value hidden.
SECRET_WORDS: Final = frozenset(
    "auth authorization bearer cert cookie creds dsn hmac jwt pass passphrase pat pin private pw "
    "pwd salt signature webhook".split()
)
# The same within a word, for names like DBPASSWORD or APITOKEN.
SECRET_PARTS: Final = ("apikey", "accesskey", "credential", "passw", "secret", "token")
# A key is secret unless the word before it says that it is of another kind.
PLAIN_KEYS: Final = frozenset(
    "cache foreign idempotency partition primary public range routing sort".split()
)
WORD_PATTERN: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# Within values, whatever their name: user and password of a URL, the address of a chat's webhook,
# access keys of AWS, private keys, JSON web tokens, and `password=...` as in connection strings and
# command lines.
SECRET_TEXT_PATTERN: Final = re.compile(
    r"(?P<before>[a-z][a-z0-9+.-]*://)\S*(?=@)"
    r"|(?P<host>https://hooks\.slack\.com/)\S+"
    r"|(?P<name>(?i:[\w-]*(?:authorization|credential|passw|pwd|secret|token|api[_-]?key)[\w-]*"
    r"[\"']?\s*[=:\s]\s*(?:(?:basic|bearer)\s+)?|\bbearer\s+))"
    r"(?:\"[^\"]*\"|'[^']*'|[^\s;&,\"']+)"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*"
)


def is_secret_name(name: str) -> bool:
    """True if a variable of this name is likely to hold a secret."""
    words = [word.lower() for word in WORD_PATTERN.findall(name)]
    if SECRET_WORDS & {*words} or any(part in "".join(words) for part in SECRET_PARTS):
        return True
    return any(
        word in ("key", "keys") and before not in PLAIN_KEYS
        for before, word in zip(("", *words), words, strict=False)
    )


def hide_secrets(text: str) -> str:
    """Returns a text with what looks like a secret in it replaced."""

    def replace(match: re.Match[str]) -> str:
        kept = match["before"] or match["host"] or match["name"] or ""
        return f"{kept}{HIDDEN_TEXT}"

    return SECRET_TEXT_PATTERN.sub(replace, text)


def hide_value(name: str, value: str) -> str:
    """Returns a variable's value as it may be shown."""
    return HIDDEN_TEXT if value and is_secret_name(name) else hide_secrets(value)
