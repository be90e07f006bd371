"""Tests that do not run on a device other than the CPU: part of a node id, and why."""

SKIPS: dict[str, str] = {}
