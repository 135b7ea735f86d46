"""Writes docs/changing.md."""

from tests.changes.page import PAGE_FILE, render_page

PAGE_FILE.write_text(render_page(PAGE_FILE.read_text()))
