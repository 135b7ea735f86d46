"""The service fits what the stack gives a container, and its image what the stack lets it do."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from app.__main__ import GRACEFUL_SECONDS
from app.connection import STATEMENT_MILLISECONDS
from app.database import HEALTH_SECONDS
from app.settings import DEFAULT_PORT, SettingsError, read_settings
from components.settings.container import (
    DATABASE_VARIABLES,
    ContainerSettings,
    HealthCheckSettings,
)
from components.settings.services import ServiceSettings
from components.task_definition import STOP_TIMEOUT_SECONDS
from sandbox.program import PROJECT_ROOT

APP_FOLDER = PROJECT_ROOT / "app"
DOCKERFILE = (APP_FOLDER / "Dockerfile").read_text(encoding="utf-8")
GOOD_VALUES = {
    "DB_HOST": "db.example.com",
    "DB_PORT": "5432",
    "DB_NAME": "app",
    "DB_USER": "bulwark_admin",
    "DB_PASSWORD": "a-password",
    "DB_SSLMODE": "require",
}
SECRET_ARN = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:database-AbCdEf"


def test_what_the_stack_gives_is_all_that_must_be_set() -> None:
    assert {*DATABASE_VARIABLES, "DB_SSLMODE"} == set(GOOD_VALUES)
    settings = read_settings(GOOD_VALUES)
    assert settings.port == DEFAULT_PORT == ContainerSettings().port
    assert settings.database.credentials.password == "a-password"
    for name in DATABASE_VARIABLES:
        with pytest.raises(SettingsError, match=f"^{name} must be set, and is not$"):
            read_settings({**GOOD_VALUES, name: ""})


def test_no_text_of_the_settings_holds_the_password() -> None:
    assert "a-password" not in repr(read_settings(GOOD_VALUES))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DB_PORT", "0", "DB_PORT must be a whole number from 1 to 65535, not 0"),
        ("PORT", "http", "PORT must be a whole number from 1 to 65535, not http"),
        ("DB_POOL_SIZE", "201", "DB_POOL_SIZE must be a whole number from 1 to 200, not 201"),
        ("DB_SSLMODE", "prefer", "DB_SSLMODE must be one of verify-full, verify-ca, require"),
        ("DB_SSLMODE", "verify-full", "DB_SSLROOTCERT must be the file of RDS's certificate"),
        ("DB_SSLMODE", "", "DB_SSLROOTCERT must be the file of RDS's certificate"),
        ("PATH_PREFIX", "api", "PATH_PREFIX must be a path like /api, not api"),
        ("DB_SECRET_ARN", "database", "DB_SECRET_ARN must be the ARN of a secret"),
    ],
)
def test_a_wrong_variable_is_one_sentence(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=f"^{message}"):
        read_settings({**GOOD_VALUES, name: value})


def test_a_bundle_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    values = {**GOOD_VALUES, "DB_SSLMODE": "verify-full"}
    with pytest.raises(SettingsError, match="must be a file that is there"):
        read_settings({**values, "DB_SSLROOTCERT": str(tmp_path / "none.pem")})


def test_the_process_ends_with_2_and_one_sentence_if_its_environment_is_wrong() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=PROJECT_ROOT,
        env={"PATH": os.environ["PATH"], **GOOD_VALUES, "DB_PORT": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "app: DB_PORT must be a whole number from 1 to 65535, not x\n"
    assert done.stdout == ""


def test_each_limit_fits_into_the_next_one() -> None:
    """A query ends before the grace of SIGTERM, that before ECS kills; health before its check."""
    assert STATEMENT_MILLISECONDS / 1000 < GRACEFUL_SECONDS < STOP_TIMEOUT_SECONDS
    (limit,) = (
        bound.ge
        for bound in HealthCheckSettings.model_fields["timeout_seconds"].metadata
        if hasattr(bound, "ge")
    )
    assert limit > HEALTH_SECONDS


def test_the_image_has_two_stages_no_root_and_packages_by_their_hashes() -> None:
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(stages) == 2
    assert f"USER {ContainerSettings().user}\n" in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE
    assert not re.search(r"--(extra-)?index-url|--trusted-host", DOCKERFILE)
    assert f"PORT={DEFAULT_PORT}\n" in DOCKERFILE
    assert "HEALTHCHECK" in DOCKERFILE
    assert 'CMD ["python", "-m", "app"]' in DOCKERFILE


def read_pins(file: Path) -> dict[str, str]:
    """The pinned packages of a file: name to version."""
    return dict(re.findall(r"^([\w-]+)==(\S+)", file.read_text("utf-8"), re.MULTILINE))


def list_needed_packages(name: str, extras: frozenset[str]) -> set[str]:
    """The names of a package and of all that it needs on the machine that runs this."""
    names = {name}
    for text in requires(name) or ():
        requirement = Requirement(text)
        is_needed = requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in (*extras, "")
        )
        if is_needed:
            needed = requirement.name.lower().replace("_", "-")
            names |= list_needed_packages(needed, frozenset(requirement.extras))
    return names


def test_the_images_packages_are_the_tested_ones_and_all_that_it_needs() -> None:
    pins, tested = (
        read_pins(APP_FOLDER / "requirements.txt"),
        read_pins(PROJECT_ROOT / "requirements.txt"),
    )
    assert pins.items() <= tested.items()
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    texts = (APP_FOLDER / "requirements.in").read_text("utf-8").split()
    assert texts == project["optional-dependencies"]["app"]
    needed: set[str] = set()
    for requirement in map(Requirement, texts):
        needed |= list_needed_packages(requirement.name, frozenset(requirement.extras))
    assert needed == pins.keys() - {"tzdata"}  # which only Windows needs


def test_it_starts_from_its_own_folder_alone(tmp_path: Path) -> None:
    """What the image has at /srv: app/, and nothing of the other folders."""
    shutil.copytree(APP_FOLDER, tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        "import app.__main__\n"
        "from app.migrate import FOLDER, read_migrations\n"
        "print(len(read_migrations(FOLDER)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"


def test_the_settings_of_the_page_are_settings_of_a_service() -> None:
    page = (PROJECT_ROOT / "docs" / "app.md").read_text(encoding="utf-8")
    block = page.split("```yaml\n", 1)[1].split("```", 1)[0].replace("ACCOUNT", "123456789012")
    settings = ServiceSettings.model_validate(yaml.safe_load(block)["bulwark:services"]["backend"])
    assert settings.health_path == "/health"
    outage_seconds = (
        settings.health_check.interval_seconds * settings.health_check.unhealthy_threshold
    )
    assert f"{outage_seconds} seconds: a failover" in block
    assert set(settings.environment) == {"SERVICE_NAME", "DB_SECRET_ARN"}
