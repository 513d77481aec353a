"""Kind `operator`: a trained operator as plain variables, with the curves of its training."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from polyadic.core.schema import Schema, Var

PARAMETERS = "parameters"
"""The child group with one variable a tensor, by its name in the module."""


def _architecture_faults(ds: xr.Dataset) -> list[str]:
    try:
        known = json.loads(str(ds.attrs.get("architecture", "")))
    except ValueError:
        known = None
    if not isinstance(known, dict):
        return [f"attribute 'architecture' is {ds.attrs.get('architecture')!r}, expected a JSON object"]
    return []


SCHEMA = Schema(
    kind="operator",
    variables={"train_loss": Var(("epoch",)), "learning_rate": Var(("epoch",))},
    coords={"epoch": Var(("epoch",), kinds="i")},
    optional={"validation_loss": Var(("epoch",))},
    groups=(PARAMETERS,),
    rules=(_architecture_faults,),
)


def dataset(
    parameters: Mapping[str, NDArray[Any]],
    architecture: Mapping[str, Any],
    *,
    train_loss: ArrayLike = (),
    validation_loss: ArrayLike | None = None,
    learning_rate: ArrayLike = (),
    loss: str = "loss",
) -> xr.DataTree:
    """Return a DataTree of kind `operator`.

    Parameters
    ----------
    parameters
        Tensors by name, of any shape and type; they come back bit for bit by :func:`parameters`.
    architecture
        What builds the module again, plain values only.
    train_loss, validation_loss, learning_rate
        One entry an epoch; in validation the relative L2 error.
    loss
        Name of the loss.
    """
    curves = {
        "train_loss": (f"{loss}, training samples", train_loss),
        "learning_rate": ("learning rate", learning_rate),
    }
    if validation_loss is not None:
        curves["validation_loss"] = ("relative L2 error, validation samples", validation_loss)
    variables = {
        name: ("epoch", np.asarray(values, np.float64), {"units": "1", "long_name": f"{text}"})
        for name, (text, values) in curves.items()
    }
    epochs = np.arange(1, np.size(np.asarray(train_loss)) + 1)
    root = xr.Dataset(variables, {"epoch": ("epoch", epochs, {"units": "1", "long_name": "epoch"})})
    root.attrs = {"architecture": json.dumps(dict(architecture), sort_keys=True), "loss": loss}
    stored = {
        name: (_dims(values.shape), values, {"units": "1", "long_name": f"parameter {name}"})
        for name, values in sorted(parameters.items())
    }
    return xr.DataTree.from_dict({"/": root, f"/{PARAMETERS}": xr.Dataset(stored)})


def _dims(shape: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(f"axis{position}_{size}" for position, size in enumerate(shape))


def parameters(tree: xr.DataTree) -> dict[str, NDArray[Any]]:
    """Return the tensors by name."""
    return {str(name): variable.to_numpy() for name, variable in tree[PARAMETERS].to_dataset().data_vars.items()}


def architecture(tree: xr.DataTree) -> dict[str, Any]:
    """Return what builds the module again."""
    found: dict[str, Any] = json.loads(str(tree.attrs["architecture"]))
    return found


def example(seed: int = 0) -> xr.DataTree:
    """Return a linear map of 3 to 2 channels whose loss fell over 12 epochs."""
    rng = np.random.default_rng(seed)
    weights = {"weight": rng.standard_normal((2, 3)).astype(np.float32), "bias": np.zeros(2, np.float32)}
    fall = np.exp(-np.arange(12) / 4) + 0.01 * rng.random(12)
    rate = 1e-3 * np.cos(np.linspace(0, np.pi / 2, 12))
    return dataset(
        weights, {"form": "linear"}, train_loss=fall, validation_loss=1.2 * fall, learning_rate=rate, loss="relative L2"
    )
