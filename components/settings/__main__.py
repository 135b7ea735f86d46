"""Writes what is generated from the settings: `python -m components.settings`."""

from pathlib import Path

from components.settings.reference import render_project_file, render_settings_page


def main() -> None:
    """Writes Pulumi.yaml and docs/settings.md."""
    project_root = Path(__file__).resolve().parents[2]
    project_path = project_root / "Pulumi.yaml"
    project_path.write_text(render_project_file(project_path.read_text()))
    (project_root / "docs").mkdir(exist_ok=True)
    (project_root / "docs" / "settings.md").write_text(render_settings_page())


if __name__ == "__main__":
    main()
