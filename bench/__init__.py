"""Benchmarks; each is run by a make target and says what the machine was doing."""
