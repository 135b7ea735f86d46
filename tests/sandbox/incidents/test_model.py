"""Files of incidents, and what is wrong in one."""

from pathlib import Path

import pytest

from sandbox.incidents import noise as _noise  # noqa: F401
from sandbox.incidents.model import IncidentFileError, list_incidents, load_incident

RIGHT = """
name: wrong
kind: database
title: A test.
causes: [{cause: database-cpu, part: database}]
metrics: [{do: slow-answers, at: 10m, service: backend, times: 3}]
"""


def load(folder: Path, text: str) -> None:
    """Loads a file of this text."""
    file = folder / "wrong.yaml"
    file.write_text(text)
    load_incident(file)


def test_every_incident_can_be_loaded() -> None:
    assert {incident.kind for incident in list_incidents()} >= {"release", "database", "network"}


def test_a_happening_has_its_arguments_beside_its_time(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(RIGHT)
    (item,) = load_incident(tmp_path / "wrong.yaml").happenings
    assert (item.before_seconds, item.until_seconds) == (600, 0)
    assert item.arguments == {"service": "backend", "times": 3}


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("name: wrong", "name: other", "name is 'other', must be 'wrong'"),
        ("database-cpu", "database-hot", "'database-hot' must be one of CAUSES"),
        ("kind: database", "kind: network", "kind is network, must be of its causes"),
        ("slow-answers", "slow-replies", "'slow-replies' must be one of"),
        ("times: 3", "factor: 3", r"unknown arguments \['factor'\], missing \['times'\]"),
        ("at: 10m", "at: soon", "'soon' must be a time before the diagnosis"),
        ("at: 10m", "at: 10m, until: 20m", "until 20m is before at 10m"),
        ("title: A test.", "titel: A test.", "titel"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(
    tmp_path: Path, right: str, wrong: str, message: str
) -> None:
    with pytest.raises(IncidentFileError, match=f"(?s)wrong.yaml: .*{message}"):
        load(tmp_path, RIGHT.replace(right, wrong))
