"""Functional Bayesian Tucker decomposition of scattered observations."""

from polyadic.core.card import Card

METHOD = Card(
    title="Functional Bayesian Tucker decomposition of values at continuous indexes",
    family="Tucker",
    stages=("split", "fit", "predict", "baselines", "evaluate", "stations", "map", "series", "means"),
    products=(
        "metrics.nc",
        "scores.html",
        "figures/comparison.svg",
        "figures/scatter.svg",
        "figures/residuals.svg",
        "figures/calibration.svg",
        "figures/factors.svg",
        "figures/evidence.svg",
        "figures/stations.svg",
        "figures/map.svg",
        "figures/series.svg",
    ),
    exports=("FunctionalTucker", "averages"),
    reads="observations",
    paper="S. Fang et al., Functional Bayesian Tucker decomposition for continuous-indexed tensor data, ICLR 2024",
    url="https://arxiv.org/abs/2311.04829",
)
