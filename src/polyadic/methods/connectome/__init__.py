"""Dynamic functional connectomes by non-negative tensor factorisation."""

from polyadic.core.card import Card

METHOD = Card(
    title="Dynamic functional connectomes by non-negative tensor factorisation",
    family="CP",
    stages=("decompose", "rank", "surrogates", "communities", "evaluate"),
    products=(
        "metrics.nc",
        "scores.html",
        "significance.nc",
        "communities.nc",
        "figures/components.svg",
        "figures/errors.svg",
        "figures/comparison.svg",
        "figures/rank.svg",
        "figures/courses.svg",
        "figures/matrix.svg",
        "figures/graph.svg",
        "figures/connectivity.svg",
        "figures/distance.svg",
    ),
    exports=("nonnegative_cp", "dynamic_affinity_cp", "CP", "communities", "Communities"),
    reads="traces",
    paper="L. Dyballa et al., Dynamic functional connectomes by tensor factorisation, ICLR 2024",
    url="https://arxiv.org/abs/2402.14102",
)
