"""Tests of ops/patch."""
