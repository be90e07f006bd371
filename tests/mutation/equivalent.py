"""Mutants that compute the same thing, and why: nothing could tell them apart."""

REASONS: dict[str, str] = {}
