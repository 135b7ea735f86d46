"""`python -m ops`, and what `.venv/bin/ops` starts."""

import gc
import sys

# Importing makes many objects and no garbage: looking for it is a tenth of a short command.
gc.set_threshold(100_000)

from ops.cli import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
