"""The machinery of a stage: settings, contracts, files, provenance, parallelism. Nothing numerical."""

FORMAT = 1
"""Raised by hand when the files that stages write change although their code does not."""
