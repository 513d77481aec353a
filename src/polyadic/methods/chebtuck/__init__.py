"""Chebyshev-Tucker format of functions, grids, canonical tensors and charges."""

from polyadic.core.card import Card

METHOD = Card(
    title="Chebyshev-Tucker format of functions and canonical tensors",
    family="functional tensor",
    stages=("decompose", "evaluate"),
    products=(
        "metrics.nc",
        "scores.html",
        *(f"figures/{name}.svg" for name in ("decay", "singular_values", "factors", "slices", "ranks", "pareto")),
    ),
    exports=("ChebyshevTucker", "ParticlePotential", "chebyshev_tucker", "particle_potential"),
    reads=("function", "particles", "sampled_function", "cp_factors"),
    paper="Benner, Khoromskij, Khoromskaia, Sun, 2025",
    url="https://arxiv.org/abs/2503.01696",
)
