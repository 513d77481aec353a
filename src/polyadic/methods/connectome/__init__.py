"""Dynamic functional connectomes by non-negative tensor factorisation."""

from polyadic.core.card import Card

METHOD = Card(
    title="Dynamic functional connectomes by non-negative tensor factorisation",
    family="CP",
    stages=("decompose", "evaluate"),
    products=("metrics.nc", "scores.html", "figures/components.svg", "figures/errors.svg", "figures/comparison.svg"),
    exports=("nonnegative_cp", "dynamic_affinity_cp", "CP", "communities", "Communities"),
    reads="traces",
    paper="L. Dyballa et al., Dynamic functional connectomes by tensor factorisation, ICLR 2024",
    url="https://arxiv.org/abs/2402.14102",
)
