"""Readers of calcium imaging files: one module a format, each from a path to recordings."""
