"""`ops runs`: past and unfinished runs, their reports, resume and undo."""
