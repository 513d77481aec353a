"""Chebyshev-Tucker format of functions, grids, canonical tensors and charges."""

from polyadic.core.card import Card

METHOD = Card(
    title="Chebyshev-Tucker format of functions and canonical tensors",
    family="functional tensor",
    stages=("decompose", "evaluate"),
    products=("metrics.nc", "scores.html", "figures/decay.svg", "figures/singular_values.svg", "figures/factors.svg"),
    exports=("ChebyshevTucker", "ParticlePotential", "chebyshev_tucker", "particle_potential"),
    reads="function",
    paper="Benner, Khoromskij, Khoromskaia, Sun, 2025",
    url="https://arxiv.org/abs/2503.01696",
)
