"""Writes what is generated from the settings: `python -m components.settings`."""

from pathlib import Path

from components.settings.reference import page, project_file

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Writes Pulumi.yaml and docs/settings.md."""
    project = ROOT / "Pulumi.yaml"
    project.write_text(project_file(project.read_text()))
    (ROOT / "docs").mkdir(exist_ok=True)
    (ROOT / "docs" / "settings.md").write_text(page())


if __name__ == "__main__":
    main()
