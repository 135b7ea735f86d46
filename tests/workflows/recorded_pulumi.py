"""A `pulumi` for the PATH that plays what was recorded: `pulumi preview` of a stack.

In the folder RECORDED_PULUMI stand STACK.json, which it prints, and STACK.exit where it fails; what
it was asked is written into `pulumi-calls`.
"""

import os
import sys
from pathlib import Path

HOME = Path(os.environ["RECORDED_PULUMI"])
words = sys.argv[1:]
with (HOME / "pulumi-calls").open("a", encoding="utf-8") as calls:
    calls.write(" ".join(words) + "\n")
assert words[0] == "preview", words
assert "--json" in words, words
assert "--non-interactive" in words, words
assert os.environ["PULUMI_BACKEND_URL"].startswith("s3://")
stack = words[words.index("--stack") + 1]
code = HOME / f"{stack}.exit"
if not (HOME / f"{stack}.json").exists():
    sys.stderr.write(f"error: no stack named '{stack}' found\n")
    raise SystemExit(255)
sys.stdout.write((HOME / f"{stack}.json").read_text(encoding="utf-8"))
raise SystemExit(int(code.read_text(encoding="utf-8")) if code.exists() else 0)
