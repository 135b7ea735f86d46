"""Tests of `ops audit`."""
