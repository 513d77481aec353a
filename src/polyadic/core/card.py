"""The card of a method: what the workflow, the command line and the docs need without importing the method."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """A method in words; every field is a string or a tuple of strings.

    Attributes
    ----------
    title
        One line, without a full stop.
    family
        Families of methods are metadata, not folders.
    stages
        Names of the stage modules in the method's folder, in their order.
    products
        Files of a run that `snakemake` makes by default, below ``results/<method>/<run>/``.
    exports
        Names of ``api.py`` that ``import polyadic`` offers.
    reads
        Kinds of datasets that a run may name.
    paper, url
        The source of the method.
    """

    title: str
    family: str
    stages: tuple[str, ...]
    products: tuple[str, ...]
    exports: tuple[str, ...]
    reads: str | tuple[str, ...]
    paper: str
    url: str

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that a run may name, one or several."""
        return (self.reads,) if isinstance(self.reads, str) else self.reads
