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

from tests.ops.pulumi_settings import build_config_listing

PULUMI_HOME = Path(os.environ["PULUMI_EXECUTABLE_HOME"])
BACKEND_FILE, LOCK_FILE, FAULT_FILE = (
    PULUMI_HOME / "backend.json",
    PULUMI_HOME / "lock",
    PULUMI_HOME / "fault",
)
PULUMI_OPTIONS_WITH_VALUE = (
    "--stack",
    "--dest",
    "--file",
    "--message",
    "--page-size",
    "--policy-pack",
)


def parse_arguments(argv: list[str]) -> tuple[list[str], dict[str, str]]:
    """Words, and options by name."""
    words, options, remaining = [], {}, list(argv)
    while remaining:
        word = remaining.pop(0)
        if word in PULUMI_OPTIONS_WITH_VALUE:
            options[word] = remaining.pop(0)
        elif word.startswith("--"):
            options[word] = ""
        else:
            words.append(word)
    return words, options


def exit_with_error(text: str, code: int = 1) -> None:
    sys.stderr.write(f"error: {text}\n")
    raise SystemExit(code)


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value))


def main() -> None:
    words, options = parse_arguments(sys.argv[1:])
    stacks = json.loads(BACKEND_FILE.read_text(encoding="utf-8"))
    name = options.get("--stack", "")
    if words[:2] == ["stack", "select"]:
        stacks.setdefault(words[2], {"config": {}, "state": {}, "history": [], "outputs": {}})
    elif name not in stacks:
        exit_with_error(f"no stack named '{name}' found", code=6)
    elif words == ["cancel"]:
        LOCK_FILE.unlink(missing_ok=True)
    elif words == ["up"]:
        run_up(stacks, name, options["--message"])
    else:
        {"stack": run_stack_command, "config": run_config_command}[words[0]](
            stacks[name], words[1:], options
        )
    write_backend(stacks)


def write_backend(stacks: dict[str, Any]) -> None:
    """Whole, or as it was."""
    draft = BACKEND_FILE.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(stacks), encoding="utf-8")
    draft.replace(BACKEND_FILE)


def run_stack_command(record: dict[str, Any], words: list[str], options: dict[str, str]) -> None:
    if words[0] == "import":
        record["state"] = json.loads(Path(options["--file"]).read_text(encoding="utf-8"))
        return
    printable = {
        "history": record["history"][::-1],
        "output": record["outputs"],
        "export": record["state"],
    }
    print_json(printable[words[0]])


def run_config_command(record: dict[str, Any], words: list[str], _: dict[str, str]) -> None:
    values = record["config"]
    if not words:
        print_json(build_config_listing(values))
    elif words[0] == "set":
        values[words[1]] = words[2]
    else:
        removed = words[1]
        record["config"] = {
            k: v for k, v in values.items() if not f"{k}.".startswith(f"{removed}.")
        }


def run_up(stacks: dict[str, Any], name: str, message: str) -> None:
    if LOCK_FILE.exists():
        exit_with_error(
            "the stack is currently locked by 1 lock(s). Either wait for the other process"
        )
    LOCK_FILE.write_text(str(os.getpid()), encoding="utf-8")
    fault = FAULT_FILE.read_text(encoding="utf-8") if FAULT_FILE.exists() else ""
    FAULT_FILE.unlink(missing_ok=True)
    sys.stdout.write("Updating\n")
    sys.stdout.flush()
    if fault == "slow":
        time.sleep(1.5)
    restore_database(name, stacks[name]["config"])
    sys.stdout.write(" +  aws:rds:Instance database creating\n")
    sys.stdout.flush()
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    result = "failed" if fault == "fail" else "succeeded"
    stacks[name]["history"].append({"kind": "update", "message": message, "result": result})
    LOCK_FILE.unlink()
    if fault == "fail":
        write_backend(stacks)
        exit_with_error("the zone is full")
    region = os.environ["AWS_REGION"]
    stacks[name]["outputs"] = {
        "database": {"identifier": f"bulwark-{name}-database"},
        "stack": {"region": region},
    }


def restore_database(name: str, settings: dict[str, str]) -> None:
    """Once: another deployment finds it."""
    import boto3

    rds = boto3.client("rds")
    with suppress(rds.exceptions.DBInstanceAlreadyExistsFault):
        rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=f"bulwark-{name}-database",
            DBSnapshotIdentifier=settings["bulwark:database.restoreFrom.snapshot"],
        )


main()
