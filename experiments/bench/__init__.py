"""Benchmarks: how long things take on this machine, and how much memory. No number of a study depends on them."""
