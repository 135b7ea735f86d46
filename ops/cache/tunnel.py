"""The tunnel to the cache, and the line of its client.

The path is that of the database: Session Manager forwards a local port through a task or an
instance that can connect to the cache.
"""

import shlex
from typing import Final

from ops.cache.model import get_cache_part
from ops.database.tunnel import (
    LOOPBACK_ADDRESS,
    TunnelTarget,
    build_secret_command,
    build_tunnel_command,
)
from ops.outputs import Outputs
from ops.services.exec import list_missing_programs

DEFAULT_CACHE_TUNNEL_PORT: Final = 16379
# The token goes from the secret into the client's environment and is never printed.
TOKEN_READER_SCRIPT: Final = "import json,sys; print(json.load(sys.stdin)['token'])"  # noqa: S105


def build_cache_commands(
    outputs: Outputs,
    target: TunnelTarget,
    *,
    is_reader: bool,
    port: int = DEFAULT_CACHE_TUNNEL_PORT,
    profile: str | None = None,
) -> dict[str, object]:
    """The commands to type: the tunnel, which stays open, and the client through it.

    `--sni` is the name that the certificate is checked for, as the client connects to this machine
    (valkey-cli and redis-cli, --help).
    """
    cache = get_cache_part(outputs)
    host = cache.reader_endpoint if is_reader else cache.primary_endpoint
    secret_command = build_secret_command(outputs, cache.secret_arn, profile)
    token = f"{secret_command} | python3 -c {shlex.quote(TOKEN_READER_SCRIPT)}"
    client = "valkey-cli" if cache.engine == "valkey" else "redis-cli"
    client_line = shlex.join(
        [client, "-h", LOOPBACK_ADDRESS, "-p", str(port), "--tls", "--sni", host]
    )
    return {
        "through": target.description,
        "endpoint": f"{host}:{cache.port}",
        "tunnel": build_tunnel_command(outputs, target, host, cache.port, port, profile),
        "client": f'REDISCLI_AUTH="$({token})" {client_line}',
        "missing": list_missing_programs(),
    }
