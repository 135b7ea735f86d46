"""The project is the program's: Pulumi.yaml has its name, which is its settings' namespace."""

from pathlib import Path

import pytest

from ops.cli.selection import Selection, find_project_name, require_program_of_project
from ops.core.errors import UsageError
from ops.recovery.region_settings import format_setting
from tests.ops.stage import build_stack_outputs

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("file", "text", "name"),
    [
        ("Pulumi.yaml", "name: shop\nruntime: python\n", "shop"),
        (
            "Pulumi.yaml",
            "runtime:\n  name: python\nname: 'shop-2'  # ours\n",
            "shop-2",
        ),
        ("Pulumi.yml", 'name: "shop"\n', "shop"),
        ("Pulumi.json", '{\n  "runtime": "python",\n  "name": "shop"\n}\n', "shop"),
    ],
)
def test_the_name_is_read_from_the_project_s_file(
    file: str, text: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / file).write_text(text)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")  # as Pulumi finds it
    assert Selection().resolve_project() == name
    assert Selection(project="other").resolve_project() == "other"


def test_this_project_is_found() -> None:
    assert find_project_name(ROOT) == "bulwark"


def test_outside_a_checkout_the_project_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Selection().resolve_project() == "bulwark"


def test_a_project_file_without_a_name_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("runtime:\n  name: python\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"^--project is not set, and .*Pulumi.yaml has no name"):
        Selection().resolve_project()


def test_a_program_of_another_project_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    require_program_of_project(tmp_path, "shop")
    with pytest.raises(UsageError, match="--program must be the folder of the project 'bulwark'"):
        require_program_of_project(tmp_path, "bulwark")


def test_a_setting_is_in_the_namespace_of_its_project() -> None:
    outputs = build_stack_outputs()
    stack = outputs.stack.model_copy(update={"project": "shop"})
    shop = outputs.model_copy(update={"stack": stack})
    assert format_setting(shop, "database.restoreFrom") == "shop:database.restoreFrom"
