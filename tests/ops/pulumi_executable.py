"""A `pulumi` for the PATH: a process of its own, with its backend in a file.

It answers as Pulumi's CLI does, as far as `ops recover rebuild` asks it, and brings about the
database that its settings describe by boto3. The file `fault` beside its backend says what goes
wrong with the next deployment: `fail`, `kill` after the database was begun, or `slow`.
"""

import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

HOME = Path(os.environ["PULUMI_EXECUTABLE_HOME"])
BACKEND, LOCK, FAULT = HOME / "backend.json", HOME / "lock", HOME / "fault"
VALUES = ("--stack", "--dest", "--file", "--message", "--page-size", "--policy-pack")


def parsed(argv: list[str]) -> tuple[list[str], dict[str, str]]:
    """Words, and options by name."""
    words, options, left = [], {}, list(argv)
    while left:
        word = left.pop(0)
        if word in VALUES:
            options[word] = left.pop(0)
        elif word.startswith("--"):
            options[word] = ""
        else:
            words.append(word)
    return words, options


def fails(text: str) -> None:
    sys.stderr.write(f"error: {text}\n")
    raise SystemExit(255)


def says(value: Any) -> None:
    sys.stdout.write(json.dumps(value))


def main() -> None:
    words, options = parsed(sys.argv[1:])
    stacks = json.loads(BACKEND.read_text(encoding="utf-8"))
    name = options.get("--stack", "")
    if words[:2] == ["stack", "select"]:
        stacks.setdefault(words[2], {"config": {}, "state": {}, "history": [], "outputs": {}})
    elif name not in stacks:
        fails(f"no stack named '{name}' found")
    elif words == ["cancel"]:
        LOCK.unlink(missing_ok=True)
    elif words == ["up"]:
        up(stacks, name, options["--message"])
    else:
        {"stack": stack, "config": config}[words[0]](stacks[name], words[1:], options)
    keep(stacks)


def keep(stacks: dict[str, Any]) -> None:
    """Whole, or as it was."""
    draft = BACKEND.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(stacks), encoding="utf-8")
    draft.replace(BACKEND)


def stack(one: dict[str, Any], words: list[str], options: dict[str, str]) -> None:
    if words[0] == "import":
        one["state"] = json.loads(Path(options["--file"]).read_text(encoding="utf-8"))
        return
    kept = {"history": one["history"][::-1], "output": one["outputs"], "export": one["state"]}
    says(kept[words[0]])


def config(one: dict[str, Any], words: list[str], _: dict[str, str]) -> None:
    verb, key = words[:2]
    known = one["config"]
    if verb == "set":
        known[key] = words[2]
    elif verb == "rm":
        one["config"] = {k: v for k, v in known.items() if not f"{k}.".startswith(f"{key}.")}
    elif key in known:
        says({"value": known[key], "secret": False})
    elif not any(k.startswith(f"{key}.") for k in known):
        fails(f"configuration key '{key}' not found for stack")
    else:
        says({"objectValue": {}, "secret": False})


def up(stacks: dict[str, Any], name: str, message: str) -> None:
    if LOCK.exists():
        fails("the stack is currently locked by 1 lock(s). Either wait for the other process")
    LOCK.write_text(str(os.getpid()), encoding="utf-8")
    fault = FAULT.read_text(encoding="utf-8") if FAULT.exists() else ""
    FAULT.unlink(missing_ok=True)
    sys.stdout.write("Updating\n")
    sys.stdout.flush()
    if fault == "slow":
        time.sleep(1.5)
    restored(name, stacks[name]["config"])
    sys.stdout.write(" +  aws:rds:Instance database creating\n")
    sys.stdout.flush()
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    result = "failed" if fault == "fail" else "succeeded"
    stacks[name]["history"].append({"kind": "update", "message": message, "result": result})
    LOCK.unlink()
    if fault == "fail":
        keep(stacks)
        fails("the zone is full")
    region = os.environ["AWS_REGION"]
    stacks[name]["outputs"] = {
        "database": {"identifier": f"bulwark-{name}-database"},
        "stack": {"region": region},
    }


def restored(name: str, settings: dict[str, str]) -> None:
    """Once: another deployment finds it."""
    import boto3

    rds = boto3.client("rds")
    with suppress(rds.exceptions.DBInstanceAlreadyExistsFault):
        rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=f"bulwark-{name}-database",
            DBSnapshotIdentifier=settings["bulwark:database.restoreFrom.snapshot"],
        )


main()
