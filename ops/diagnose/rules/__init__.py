"""The rules of `ops diagnose`: one module for each kind of cause."""
