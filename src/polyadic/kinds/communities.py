"""Kind `communities`: communities of the neurons by component, their levels, stability and connectivity."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from polyadic.core.schema import Schema, Var


def _faults(ds: xr.Dataset) -> list[str]:
    if "membership" not in ds or "probability" not in ds:
        return []
    faults = []
    if ds["membership"].size and int(ds["membership"].min()) < 0:
        faults.append("'membership' holds negative labels")
    if not bool(((ds["probability"] >= 0) & (ds["probability"] <= 1)).all()):
        faults.append("'probability' must lie in [0, 1]")
    return faults


SCHEMA = Schema(
    kind="communities",
    variables={
        "membership": Var(("component", "level", "neuron"), kinds="i"),
        "probability": Var(("component", "neuron"), units="1"),
        "connectivity": Var(("component", "community", "other")),
        "description_length": Var(("component",), units="bit"),
        "description_length_one_block": Var(("component",), units="bit"),
    },
    coords={"model": Var(("component",), kinds="UO")},
    optional={
        "weights": Var(("component", "neuron", "partner")),
        "p_surrogate": Var(("component",), units="1"),
        "p_event": Var(("component", "event"), units="1"),
        "p_event_adjusted": Var(("component", "event"), units="1"),
    },
    rules=(_faults,),
)


def dataset(
    membership: ArrayLike, probability: ArrayLike, weights: ArrayLike, *, lengths: ArrayLike, models: list[str]
) -> xr.Dataset:
    """Return a Dataset of kind `communities`.

    Parameters
    ----------
    membership
        (component, level, neuron) labels; level 0 is the one that the model picks.
    probability
        (component, neuron) share of the starts that agree with the membership.
    weights
        (component, neuron, neuron) symmetric weights of the graphs.
    lengths
        (2, component) description length, and that of one block, in bits.
    models
        Name of the chosen model of every component.

    Examples
    --------
    >>> dict(dataset([[[0, 0, 1]]], np.ones((1, 3)), np.ones((1, 3, 3)), lengths=[[5.0], [9.0]], models=["m"]).sizes)
    {'component': 1, 'level': 1, 'neuron': 3, 'partner': 3, 'community': 2, 'other': 2}
    """
    labels, w, bits = np.asarray(membership, np.int32), np.asarray(weights, float), np.asarray(lengths, float)
    one = {"units": "1"}

    def variable(dims: tuple[str, ...], values: Any, units: str, name: str) -> Any:
        return dims, values, {"units": units, "long_name": name}

    ds = xr.Dataset(coords={"model": ("component", np.array(models), {"long_name": "chosen model"})})
    ds["membership"] = variable(("component", "level", "neuron"), labels, "1", "community of the neuron")
    ds["probability"] = variable(
        ("component", "neuron"), np.asarray(probability, float), "1", "share of agreeing starts"
    )
    ds["weights"] = variable(("component", "neuron", "partner"), w, "1", "weight between two neurons")
    ds["connectivity"] = (("component", "community", "other"), connectivity(w, labels[:, 0]), one)
    ds["connectivity"].attrs["long_name"] = "mean weight between two communities"
    ds["description_length"] = variable(("component",), bits[0], "bit", "description length")
    ds["description_length_one_block"] = variable(("component",), bits[1], "bit", "description length of one block")
    return ds


def connectivity(weights: ArrayLike, labels: ArrayLike) -> Any:
    """Return the mean weight (component, community, community) between distinct neurons; NaN where there is no pair."""
    w, member = np.asarray(weights, float), np.asarray(labels)
    hot = np.eye(int(member.max()) + 1)[member]
    off = ~np.eye(w.shape[-1], dtype=bool)
    total = np.einsum("cia,cij,cjb->cab", hot, w * off, hot)
    pairs = np.einsum("cia,ij,cjb->cab", hot, off.astype(float), hot)
    return np.divide(total, pairs, out=np.full_like(total, np.nan), where=pairs > 0)


def example(seed: int = 0) -> xr.Dataset:
    """Return two components of nine neurons, the first in two communities."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((2, 2, 9), int)
    labels[0, 0, 5:] = 1
    w = rng.gamma(2.0, 0.5, (2, 9, 9)) * np.where(labels[:, 0, :, None] == labels[:, 0, None, :], 2.0, 0.5)
    w = (w + w.transpose(0, 2, 1)) * ~np.eye(9, dtype=bool)
    lengths = np.array([[310.0, 280.0], [350.0, 280.0]])
    models = ["plain blocks, exponential weights", "one block"]
    return dataset(labels, rng.uniform(0.8, 1, (2, 9)), w, lengths=lengths, models=models)
