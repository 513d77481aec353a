"""Chebyshev-Tucker format of functions, grids, canonical tensors and charges."""
