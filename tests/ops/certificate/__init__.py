"""Tests of `ops certificate`, on load balancers that speak TLS."""
