"""What kind of error a line is, by the words of drivers, runtimes and PostgreSQL.

Sources: PostgreSQL, "Appendix A. Error Codes"; error codes of Node.js and libuv; Redis and Valkey,
"ACL" (WRONGPASS, NOAUTH) and "Replication" (READONLY); others: an assumption.
"""

import re
from typing import Final

ERROR_KINDS: Final = (
    ("password", r"password authentication failed|28P01|no pg_hba\.conf entry"),
    ("cache-token", r"WRONGPASS|NOAUTH|invalid username-password pair"),
    (
        "too-many-connections",
        r"too many clients|remaining connection slots|53300|too many connections"
        r"|QueuePool limit|[Pp]ool (?:is )?exhausted|[Tt]imeout acquiring a connection"
        r"|waiting for connection from the pool",
    ),
    (
        "dns",
        r"ENOTFOUND|EAI_AGAIN|[Nn]ame or service not known|name resolution|no such host"
        r"|could not translate host name|getaddrinfo|NXDOMAIN|SERVFAIL",
    ),
    (
        "certificate",
        r"certificate verify failed|CERTIFICATE_VERIFY|self.signed certificate"
        r"|certificate has expired|unable to get local issuer|x509:|root certificate",
    ),
    ("key", r"KMS\w*(?:Disabled|InvalidState)|KMS key .*(?:disabled|pending deletion)|kms:Decrypt"),
    ("permission", r"Access ?Denied|not authorized to perform|UnauthorizedOperation|ExpiredToken"),
    ("disk-full", r"No space left on device|ENOSPC|could not extend file|disk full|53100"),
    ("read-only", r"read-only transaction|25006|READONLY You can't write"),
    ("deadlock", r"deadlock detected|40P01"),
    ("idle-in-transaction", r"idle.in.transaction|25P03"),
    ("lock-timeout", r"lock timeout|55P03|still waiting for \w*Lock"),
    ("statement-timeout", r"statement timeout|57014"),
    (
        "database-starting",
        r"database system is (?:starting|shutting|in recovery|not yet)|57P0[123]",
    ),
    ("out-of-memory", r"OutOfMemory|MemoryError|heap out of memory|Cannot allocate memory|OOM"),
    (
        "variable-wrong",
        r"KeyError: '[A-Z][A-Z0-9_]+'|[Ee]nvironment variable|env(?:ironment)? var"
        r"|[Mm]issing required (?:setting|config|variable)|[Ii]nvalid (?:configuration|setting)"
        r"|pydantic\S*ValidationError.*Settings|validation errors? for Settings"
        r"|\b[A-Z][A-Z0-9]*_[A-Z0-9_]+ (?:is not set|must be|is required|is missing)",
    ),
    ("connection-refused", r"ECONNREFUSED|[Cc]onnection refused"),
    (
        "connection-reset",
        r"ECONNRESET|[Cc]onnection reset|server closed the connection|terminating connection"
        r"|[Bb]roken pipe|connection (?:was )?closed unexpectedly",
    ),
    ("timeout", r"ETIMEDOUT|[Tt]imed? ?out|deadline exceeded"),
)
_PATTERNS: Final = tuple((kind, re.compile(pattern)) for kind, pattern in ERROR_KINDS)


def find_error_kind(message: str) -> str | None:
    """The kind of an error, the most telling first; None if its words are not known."""
    return next((kind for kind, pattern in _PATTERNS if pattern.search(message)), None)
