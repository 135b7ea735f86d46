"""Extensions that RDS's master user may create, which PostgreSQL lets only its superuser create.

RDS User Guide, "Understanding the rds_superuser role": it adds the extensions that RDS supports.
Here their control files say `trusted`, in a copy of the installation: then whoever may create in
the database creates them, and their scripts run as the superuser, as on RDS. Assumed: other roles
than the master user may create them too, which RDS refuses.
"""

import atexit
import os
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from sandbox.postgres.cleanup import remove_at_exit
from sandbox.postgres.installation import PostgresError, PostgresInstallation

# Those of PostgreSQL's own that RDS supports: "Extension versions for Amazon RDS for PostgreSQL",
# versions 14 to 17. Not adminpack, file_fdw, pageinspect, pg_surgery or xml2, for example.
RDS_EXTENSIONS: Final = frozenset(
    """
    amcheck bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance
    fuzzystrmatch hstore intagg intarray isn lo ltree old_snapshot pg_buffercache pg_freespacemap
    pg_prewarm pg_stat_statements pg_trgm pg_visibility pg_walinspect pgcrypto pgrowlocks
    pgstattuple postgres_fdw seg sslinfo tablefunc tsm_system_rows tsm_system_time unaccent
    uuid-ossp
    """.split()
)
# PostgreSQL 17 removed it (release notes, E.5.2); PostGIS is RDS's own addition.
LAST_MAJOR_BY_EXTENSION: Final = {"old_snapshot": 16}
OTHER_RDS_EXTENSIONS: Final = ("plpgsql", "postgis", "postgis_raster", "postgis_topology")
COPIED_PROGRAMS: Final = ("postgres", "initdb", "pg_ctl", "pg_basebackup", "pg_config")
_TRUSTED_PATTERN: Final = re.compile(r"^\s*trusted\s*=\s*(true|on|yes|1)\b", re.MULTILINE)


def list_rds_extensions(major: int) -> list[str]:
    """Lists the names that RDS gives in `rds.extensions` for a major version."""
    names = {*RDS_EXTENSIONS, *OTHER_RDS_EXTENSIONS}
    return sorted(name for name in names if LAST_MAJOR_BY_EXTENSION.get(name, major) >= major)


@cache
def trust_rds_extensions(installation: PostgresInstallation) -> PostgresInstallation:
    """Returns a copy in which RDS's extensions are trusted, or the same if there are none.

    PostgreSQL finds its files relative to its program, so the copy has the same folders: programs
    are copied, everything else is linked. Where that does not lead there, it stays as it is.
    """
    try:
        folders = [
            Path(installation.run_program("pg_config", option).strip()).resolve()
            for option in ("--bindir", "--sharedir", "--pkglibdir")
        ]
    except PostgresError:
        return installation
    bin_folder, share_folder, library_folder = folders
    control_files = [
        file
        for file in sorted((share_folder / "extension").glob("*.control"))
        if file.stem in RDS_EXTENSIONS and not _TRUSTED_PATTERN.search(file.read_text("utf-8"))
    ]
    if not control_files:
        return installation
    prefix = Path(os.path.commonpath(folders))
    root = remove_at_exit(Path(tempfile.mkdtemp(prefix="bulwark-pg-")))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    root.chmod(0o755)
    new_bin, new_share, new_library = (root / folder.relative_to(prefix) for folder in folders)
    new_bin.mkdir(parents=True)
    for name in COPIED_PROGRAMS:
        shutil.copy(bin_folder / name, new_bin / name)
    new_library.parent.mkdir(parents=True, exist_ok=True)
    new_library.symlink_to(library_folder)
    _link_files(share_folder, new_share, {"extension"})
    _link_files(
        share_folder / "extension", new_share / "extension", {file.name for file in control_files}
    )
    for file in control_files:
        text = f"{file.read_text('utf-8')}\ntrusted = true\n"
        (new_share / "extension" / file.name).write_text(text, encoding="utf-8")
    copy = PostgresInstallation(new_bin, installation.major, installation.is_full)
    try:
        found_share = copy.run_program("pg_config", "--sharedir").strip()
    except PostgresError:
        return installation
    return copy if Path(found_share).resolve() == new_share.resolve() else installation


def _link_files(source: Path, destination: Path, left_out: set[str]) -> None:
    destination.mkdir(parents=True)
    for entry in source.iterdir():
        if entry.name not in left_out:
            (destination / entry.name).symlink_to(entry)
