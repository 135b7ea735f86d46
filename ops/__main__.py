"""`python -m ops`, and what `.venv/bin/ops` starts."""

import gc
import os
import sys

# Importing makes many objects and no garbage: looking for it is a tenth of a short command.
gc.set_threshold(100_000)
# Else pydantic reads the metadata of all that is installed, to see whether it is a plugin of it.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from ops.cli.app import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
