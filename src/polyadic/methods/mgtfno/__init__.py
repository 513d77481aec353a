"""Multi-grid tensorised Fourier neural operators of gridded fields."""

from polyadic.core.card import Card

METHOD = Card(
    title="Multi-grid tensorised Fourier neural operator between fields on grids",
    family="Tucker",
    stages=("split", "train", "predict", "rollout", "baselines", "evaluate"),
    products=(
        "metrics.nc",
        "figures/comparison.svg",
        "figures/pareto.svg",
        "figures/samples.svg",
        "figures/spectra.svg",
        "figures/curves.svg",
    ),
    exports=("SpectralConv", "TFNO", "MultiGrid"),
    reads="fields",
    paper="J. Kossaifi et al., Multi-grid tensorized Fourier neural operator for high-resolution PDEs, TMLR 2024",
    url="https://arxiv.org/abs/2310.00120",
)
