"""Tests of `ops/incident`."""
