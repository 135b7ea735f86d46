"""`ops runs`: the runs that were carried out, their reports, resume and undo."""
