"""Main effects: the mean and one effect a level of each mode."""

from polyadic.core.card import Card

METHOD = Card(
    title="Additive main effects of every mode",
    family="analysis of variance",
    stages=("fit", "evaluate"),
    products=("metrics.nc", "figures/comparison.svg"),
    exports=(),
    reads="observations",
    paper="J. H. Friedman, W. Stuetzle, Projection pursuit regression, JASA 76 (1981)",
    url="https://doi.org/10.1080/01621459.1981.10477729",
)
