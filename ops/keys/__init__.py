"""`ops keys`: access keys of users that an application still has, rotated."""
