"""`python -m ops`, and what `.venv/bin/ops` starts.

Nothing is imported from the working directory, which may be anybody's: `.venv/bin/ops` starts
Python with -P, and `python -m ops` takes it off the path unless it is the project's own folder.
"""

import gc
import os
import sys

if not sys.flags.safe_path:
    project_folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100,PTH120
    if os.path.realpath(sys.path[0]) != os.path.realpath(project_folder):
        del sys.path[0]

# Importing makes many objects and no garbage: looking for it is a tenth of a short command.
gc.set_threshold(100_000)
# Else pydantic reads the metadata of all that is installed, to see whether it is a plugin of it.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from ops.cli.app import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
