"""Writes what is generated from the settings: `python -m components.settings`."""

from pathlib import Path

from components.settings.reference import render_project_file, render_settings_page

PROJECT_ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Writes Pulumi.yaml and docs/settings.md."""
    project_path = PROJECT_ROOT / "Pulumi.yaml"
    project_path.write_text(render_project_file(project_path.read_text()))
    (PROJECT_ROOT / "docs").mkdir(exist_ok=True)
    (PROJECT_ROOT / "docs" / "settings.md").write_text(render_settings_page())


if __name__ == "__main__":
    main()
