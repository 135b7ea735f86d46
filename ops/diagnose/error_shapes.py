"""What kind of error a line is, by the words of drivers, runtimes and PostgreSQL.

Sources: PostgreSQL, "Appendix A. Error Codes"; error codes of Node.js and libuv; Redis and Valkey,
"ACL" (WRONGPASS, NOAUTH) and "Replication" (READONLY); PostgreSQL's md.c, varsup.c, proc.c and
be-secure-openssl.c; getaddrinfo(3); KMS API reference, "Common errors"; IAM User Guide,
"Troubleshoot access denied error messages"; others: an assumption.
"""

import re
from typing import Final

ERROR_KINDS: Final = (
    (
        "password",
        r"password authentication failed|28P01|no password supplied|[Ii]nvalid ?[Pp]assword"
        r"|is not permitted to log in|no pg_hba\.conf entry (?!.*(?:no encryption|SSL off))",
    ),
    (
        "cache-token",
        r"WRONGPASS|NOAUTH|invalid username-password pair|ERR invalid password|ERR AUTH"
        r"|(?:[Rr]edis|[Vv]alkey|[Cc]ache).{0,80}[Aa]uthentication ?(?:Error|failed|required)",
    ),
    ("cache-memory", r"OOM command not allowed|used memory > 'maxmemory'"),
    (
        "cache-failover",
        r"READONLY You can't write|MASTERDOWN|UNBLOCKED|LOADING (?:Redis|Valkey)|CLUSTERDOWN",
    ),
    (
        "connection-pool",
        r"QueuePool limit|[Pp]ool (?:is )?exhausted|[Tt]imeout acquiring a connection"
        r"|waiting for connection from the pool|timeout exceeded when trying to connect"
        r"|Connection is not available, request timed out|PoolTimeout",
    ),
    (
        "too-many-connections",
        r"too many clients|remaining connection slots|53300|[Tt]oo many connections",
    ),
    (
        "database-certificate",
        r"SSL error: certificate verify failed|could not accept SSL connection"
        r"|root certificate file|no pg_hba\.conf entry .*(?:no encryption|SSL off)"
        r"|(?:[Pp]sycopg|[Pp]ostgres|pg_|rds\.amazonaws|sslrootcert|sslmode|JDBC)"
        r".{0,200}(?:[Cc]ertificate|CERT_|PKIX)"
        r"|(?:[Cc]ertificate|CERT_|PKIX).{0,200}(?:[Pp]ostgres|rds\.amazonaws|rds-ca|sslrootcert)",
    ),
    (
        "certificate",
        r"certificate verify failed|CERTIFICATE_VERIFY|[Ss]elf.[Ss]igned.[Cc]ert"
        r"|certificate has expired|CERT_HAS_EXPIRED|unable to get local issuer|x509:"
        r"|PKIX path|unable to verify the first certificate|UNABLE_TO_VERIFY"
        r"|alert (?:unknown ca|certificate)",
    ),
    (
        "dns",
        r"ENOTFOUND|EAI_AGAIN|[Nn]ame or service not known|name resolution|no such host"
        r"|could not translate host name|getaddrinfo|NXDOMAIN|SERVFAIL|UnknownHostException"
        r"|[Cc]ould not resolve host|nodename nor servname|server misbehaving",
    ),
    ("endpoint-policy", r"VPC endpoint policy"),
    (
        "key",
        r"KMS\w*(?:Disabled|InvalidState|AccessDenied|NotFound)|KMS.{0,120}(?:disabled|pending)"
        r"|DisabledException|KeyUnavailable|kms:Decrypt|kms:GenerateDataKey",
    ),
    (
        "permission",
        r"Access ?Denied|not authorized to (?:perform|access)|UnauthorizedOperation|ExpiredToken"
        r"|identity-based policy|permissions boundary|UnrecognizedClient|InvalidClientTokenId",
    ),
    (
        "database-disk-full",
        r"could not (?:extend|write|create|open|fsync).{0,160}No space left|could not extend file"
        r"|53100|PANIC.{0,160}No space left|Check free disk space",
    ),
    ("disk-full", r"No space left on device|ENOSPC|[Dd]isk full"),
    (
        "wraparound",
        r"must be vacuumed within|wraparound data loss|not accepting commands"
        r"|to avoid a database shutdown",
    ),
    (
        "replica",
        r"requested WAL segment|conflict with recovery|receive data from WAL stream"
        r"|terminating walsender|terminating walreceiver",
    ),
    ("read-only", r"read-only transaction|25006|ReadOnlySqlTransaction"),
    ("deadlock", r"deadlock detected|40P01"),
    ("idle-in-transaction", r"idle.in.transaction|25P03"),
    (
        "lock-timeout",
        r"lock timeout|55P03|still waiting for \w*Lock|could not obtain lock|LockNotAvailable",
    ),
    ("statement-timeout", r"statement timeout|57014|QueryCanceled"),
    (
        "database-starting",
        r"database system is (?:starting|shutting|in recovery|not yet)|57P0[123]"
        r"|terminating connection due to (?:administrator|unexpected postmaster)"
        r"|was terminated by signal|AdminShutdown|CannotConnectNow",
    ),
    ("out-of-memory", r"OutOfMemory|MemoryError|heap out of memory|Cannot allocate memory|OOM"),
    (
        "variable-wrong",
        r"KeyError: '[A-Z][A-Z0-9_]+'|[Ee]nvironment variable|env(?:ironment)? var"
        r"|[Mm]issing required (?:setting|config|variable)|[Ii]nvalid (?:configuration|setting)"
        r"|pydantic\S*ValidationError.*Settings|validation errors? for Settings"
        r"|\b[A-Z][A-Z0-9]*_[A-Z0-9_]+ (?:is not set|must be|is required|is missing)",
    ),
    ("no-port", r"EADDRNOTAVAIL|[Cc]annot assign requested address"),
    ("connection-refused", r"ECONNREFUSED|[Cc]onnection refused"),
    (
        "connection-reset",
        r"ECONNRESET|[Cc]onnection reset|server closed the connection|terminating connection"
        r"|Connection terminated|connection has been closed"
        r"|[Bb]roken pipe|connection (?:was )?closed unexpectedly",
    ),
    (
        "timeout",
        r"ETIMEDOUT|[Tt]ime(?:d|r)? ?out|deadline exceeded|No route to host|EHOSTUNREACH"
        r"|[Nn]etwork is unreachable|ENETUNREACH",
    ),
)
_PATTERNS: Final = tuple((kind, re.compile(pattern)) for kind, pattern in ERROR_KINDS)


def find_error_kind(message: str) -> str | None:
    """The kind of an error, the most telling first; None if its words are not known."""
    return next((kind for kind, pattern in _PATTERNS if pattern.search(message)), None)
