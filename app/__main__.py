"""Starts the service: python -m app. Exit code 2 if its environment is wrong."""

import os
import signal
import sys
from typing import Final

import uvicorn

from app.logs import set_up_logs
from app.routes import build_application
from app.settings import SettingsError, read_settings

# The stack gives a container 30 seconds after SIGTERM (components/task_definition.py).
GRACEFUL_SECONDS: Final = 20
KEEP_ALIVE_SECONDS: Final = 75  # more than the 60 after which the load balancer closes an idle one


def main() -> int:
    """Serves until SIGTERM or SIGINT; then ends the requests that have begun."""
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"app: {error}\n")
        return 2
    set_up_logs()
    config = uvicorn.Config(
        build_application(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    # uvicorn raises the signal again after its end: an orderly end is exit code 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
