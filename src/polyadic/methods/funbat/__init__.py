"""Functional Bayesian Tucker decomposition of scattered observations."""
