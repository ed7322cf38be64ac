"""Throughput against plain Conv2D, as pytest-benchmark suites."""
