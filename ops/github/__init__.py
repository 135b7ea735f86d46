"""Reports on GitHub: the comment of a pull request, the issue of a subject."""
