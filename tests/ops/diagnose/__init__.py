"""Tests of `ops diagnose`."""
