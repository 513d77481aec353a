"""Functional Bayesian Tucker decomposition of scattered observations (Fang et al., arXiv 2311.04829)."""
