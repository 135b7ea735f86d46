"""Commands that a plan runs on whichever machine carries it out."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ops.core.actions import run_shell_command
from ops.core.engine import Engine
from ops.core.errors import OpsError, UnreachableError, UsageError
from ops.core.journal import Journal
from ops.core.local_commands import Shell, Workstation, build_ops_command, build_stack_ops_command
from ops.core.plan import ProgramCommand, SavedFile
from ops.core.private_files import open_private_file
from tests.ops.matrices import KillWorld, do_nothing, open_kill_world
from tests.ops.procedures import list_procedures
from tests.ops.procedures.deploy import OLD_COMMIT

STATE_RESTORE = next(p for p in list_procedures() if p.command == "state restore")


@contextmanager
def open_state_restore(files: Path) -> Iterator[KillWorld]:
    """A restore of Pulumi's state on a machine that keeps the files of runs in a folder."""
    procedure = replace(
        STATE_RESTORE, build_workstation=lambda _stage: Workstation(Path.cwd(), files=files)
    )
    with open_kill_world(procedure) as world:
        yield world


def move_to_another_machine(world: KillWorld, files: Path) -> Engine:
    """An engine with the journal's lines and none of the first machine's files."""
    world.actions = replace(world.actions, workstation=Workstation(Path.cwd(), files=files))
    return world.build_engine(do_nothing)


def test_a_run_is_undone_on_another_machine(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    with open_state_restore(first) as world:
        assert world.build_engine(do_nothing).start(world.plan) == "done"
        assert list(first.iterdir()), "the state was exported there"
        assert move_to_another_machine(world, second).undo() == "undone"
    fetched = second / "state-1.json"
    assert fetched.stat().st_mode & 0o777 == 0o600
    assert fetched.parent.stat().st_mode & 0o777 == 0o700


def test_a_file_missing_on_another_machine_stops_a_run_without_undo(tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    with open_state_restore(first) as world:

        class Killed(BaseException):
            """The process ends."""

        def die_at_second_call() -> None:
            if sum('"intent"' in line for line in world.journal_lines) == 2:
                raise Killed

        with pytest.raises(Killed):
            world.build_engine(die_at_second_call).start(world.plan)
        with pytest.raises(OpsError, match="resume the run where it was started"):
            move_to_another_machine(world, tmp_path / "second").resume()
        journal = Journal(world.build_engine(do_nothing).journal.store)
        assert not journal.is_undoing
        assert move_to_another_machine(world, first).resume() == "done"


def test_a_program_in_another_folder_has_its_own_paths(tmp_path: Path) -> None:
    command = ProgramCommand(tool="pulumi", arguments=("up", "--file", "${FILES}/a.json"))
    shell = Workstation(program=tmp_path, files=Path("/var/files")).build_shell(command)
    assert shell.argv == ("pulumi", "up", "--file", "/var/files/a.json")
    assert shell.folder == str(tmp_path)


def test_a_checkout_is_below_the_users_cache_at_the_programs_place(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    program = tmp_path / "infrastructure"
    program.mkdir()
    station = Workstation(program=program, checkouts=Path("/var/checkouts"))
    up = ProgramCommand(tool="pulumi", arguments=("up",), checkout="prod-1")
    assert station.build_shell(up).folder == "/var/checkouts/prod-1/infrastructure"
    words = ("worktree", "add", "${CHECKOUT}", OLD_COMMIT)
    add = ProgramCommand(tool="git", arguments=words, checkout="prod-1")
    shell = station.build_shell(add)
    assert shell.argv == ("git", "worktree", "add", "/var/checkouts/prod-1", OLD_COMMIT)
    assert shell.folder == str(tmp_path)


@pytest.mark.parametrize("verb", ["link", "check"])
def test_packages_are_linked_if_the_program_has_any(tmp_path: Path, verb: str) -> None:
    (tmp_path / ".git").mkdir()
    command = ProgramCommand(tool="packages", arguments=(verb,), checkout="prod-1")
    station = Workstation(program=tmp_path, checkouts=tmp_path / "checkouts")
    assert station.build_shell(command).argv == ("true",)
    (tmp_path / ".venv").mkdir()
    words = station.build_shell(command).argv
    assert words[0] == {"link": "ln", "check": "test"}[verb]
    assert words[-1] == str(tmp_path / "checkouts" / "prod-1" / ".venv")


def test_a_command_of_ops_runs_with_this_interpreter_and_profile() -> None:
    selection = {"project": "bulwark", "stack": "prod", "region": "eu-north-1"}
    command = build_stack_ops_command("db", "size", **selection)
    words = Workstation(profile="admin").build_shell(command).argv
    assert words[:5] == (sys.executable, "-m", "ops", "db", "size")
    assert words[-2:] == ("--profile", "admin")
    plain = build_ops_command("state", "digest")
    assert "--profile" not in Workstation(profile="admin").build_shell(plain).argv


def test_without_the_programs_folder_the_command_says_which_option_is_missing() -> None:
    command = ProgramCommand(tool="pulumi", arguments=("up",))
    with pytest.raises(UsageError, match="--program must be the folder of the stack's program"):
        Workstation().build_shell(command)


def test_a_local_file_is_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    saved_file = SavedFile(bucket="b", key="k", region="eu-north-1")
    command = ProgramCommand(
        tool="pulumi", arguments=("up",), files={"${FILES}/a.json": saved_file}
    )

    def refuse(_saved_file: SavedFile, file: Path) -> None:
        raise AssertionError(f"{file} was fetched")

    Workstation(files=tmp_path).fetch_missing_files(command, refuse)


def test_a_private_file_follows_no_link_and_is_its_owners_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("kept")
    (tmp_path / "link").symlink_to(target)
    with (
        pytest.raises(UsageError, match=r"--to is .*link.*, must be a file that can be written"),
        open_private_file(tmp_path / "link", "--to"),
    ):
        pass
    assert target.read_text() == "kept"
    open_to_all = tmp_path / "open"
    open_to_all.touch(mode=0o644)
    with open_private_file(open_to_all) as stream:
        assert open_to_all.stat().st_mode & 0o777 == 0o600, "before anything is written"
        stream.write(b"state")


@pytest.mark.parametrize("strict", [False, True])
def test_a_program_that_cannot_be_started_is_one_error(tmp_path: Path, *, strict: bool) -> None:
    with pytest.raises(UnreachableError, match=r"^no-such-program is not on the PATH$"):
        run_shell_command(Shell(argv=("no-such-program", "stack"), strict=strict))
    folder = str(tmp_path / "gone")
    with pytest.raises(UnreachableError, match=r"cannot be started in .*gone: No such file"):
        run_shell_command(Shell(argv=(sys.executable, "-V"), folder=folder, strict=strict))
