"""The commands of `ops`, one noun a file: they parse, call and print, and decide nothing."""
