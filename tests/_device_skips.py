"""Tests that do not run on a device other than the CPU: part of a node id, and why."""

SKIPS: dict[str, str] = {
    "engine/test_lone_numbers.py": "Python floats stand in for arrays of one number on the CPU only",
}
