"""Tests of `ops keys`."""
