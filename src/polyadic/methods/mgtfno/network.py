"""Build networks from plain settings, with normalisation and patches around them, and turn them to files and back."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import nn
from torch.utils.checkpoint import checkpoint

from polyadic.kernels.fourier_operator import TFNO, Positions, coordinates
from polyadic.kernels.multi_grid import MultiGrid, refined
from polyadic.kernels.small_unet import SmallUNet
from polyadic.kinds import fields, operator

Moments = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Mean and standard deviation of each channel."""

IN_MEMORY = 2**30
"""Fields below 1 GiB are held in memory."""


class Operator(nn.Module):
    """A network between fields in their own units: normalisers as buffers, patches where there are levels.

    Parameters
    ----------
    architecture
        ``form`` (tfno or unet), ``in_channels``, ``out_channels``, ``boundary`` and ``grid`` per axis, and the
        settings of the form; for tfno also ``levels`` and ``padding`` (a share of the points an axis) of the patches,
        ``patch`` (their transform), ``positions`` (whether they get coordinates), and ``coarse``: whether an operator
        of the whole domain, coarsened as the coarsest view is, predicts first. Its prediction is a channel of the
        patches, which add what it lacks. With ``stencil`` above 1 (values an axis that the lifting sees round a point)
        also ``points``: those of the training grid, whose spacing the stencil keeps on others. With ``symmetric`` a
        prediction (not a step of the training) is the mean over the field and the field with its first two axes
        exchanged.
    """

    input_mean: torch.Tensor
    input_scale: torch.Tensor
    output_mean: torch.Tensor
    output_scale: torch.Tensor

    def __init__(self, architecture: Mapping[str, Any]):
        super().__init__()
        self.architecture = dict(architecture)
        self.levels = int(architecture.get("levels", 0))
        axes = len(architecture["boundary"])
        self.network = _network(self.architecture, self.levels)
        coarse = self.levels and architecture.get("coarse")
        self.coarse = _network(_coarsest(self.architecture), 0) if coarse else None
        for name, channels in (("input", architecture["in_channels"]), ("output", architecture["out_channels"])):
            self.register_buffer(f"{name}_mean", torch.zeros(channels, *[1] * axes))
            self.register_buffer(f"{name}_scale", torch.ones(channels, *[1] * axes))

    def normalise(self, inputs: Moments, outputs: Moments) -> None:
        """Take mean and deviation of each channel of the training fields; a constant channel keeps its scale."""
        for name, (mean, deviation) in (("input", inputs), ("output", outputs)):
            scale = np.where(deviation <= 1e-7 * np.abs(mean), 1.0, deviation)
            for what, numbers in (("mean", mean), ("scale", scale)):
                buffer = getattr(self, f"{name}_{what}")
                buffer.copy_(torch.as_tensor(numbers).reshape(buffer.shape))

    def forward(self, field: torch.Tensor) -> torch.Tensor:
        """Return (batch, out_channels, axes ...) of (batch, in_channels, axes ...)."""
        given = (field - self.input_mean) / self.input_scale
        found = self._patched(given) if self.levels else self._whole(given, self.network)
        result: torch.Tensor = found * self.output_scale + self.output_mean
        return result

    def _whole(self, given: torch.Tensor, network: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        found = network(given)
        if self.training or not self.architecture.get("symmetric"):
            return found
        return (found + network(given.transpose(2, 3)).transpose(2, 3)) / 2

    def _patched(self, field: torch.Tensor) -> torch.Tensor:
        """Return the stitched fields; one patch at a time holds activations, here and in the backward pass."""
        grid = self.multi_grid(field.shape[2:])
        views = self._views(field)
        done = [
            checkpoint(self._patch, grid, corner, *views, use_reentrant=False)
            for corner in grid.corners(field.ndim - 2)
        ]
        return grid.stitch(done)

    def views(self, field: torch.Tensor) -> list[torch.Tensor]:
        """Return what patches are cut from, for fields in their own units: the field, coarser views of it."""
        return self._views((field - self.input_mean) / self.input_scale)

    def _views(self, given: torch.Tensor) -> list[torch.Tensor]:
        views = self.multi_grid(given.shape[2:]).views(given)
        if self.coarse is not None:
            first: torch.Tensor = checkpoint(self._predicted_coarsely, views[-1], use_reentrant=False)
            views[0] = torch.cat([given, first], 1)
        return views

    def _predicted_coarsely(self, view: torch.Tensor) -> torch.Tensor:
        """Return the prediction of the coarse operator for the coarsest view, on the fine grid."""
        found: torch.Tensor = self.coarse(view)  # type: ignore[misc]
        for axis, kind in enumerate(self.architecture["boundary"]):
            found = refined(found, 2**self.levels, 2 + axis, kind)
        return found

    def predicted_in_rows(self, field: torch.Tensor) -> torch.Tensor:
        """Return the outputs of fields of the whole domain, holding one state of the network and no activations."""
        given = (field - self.input_mean) / self.input_scale
        found = self._whole(given, self.network.in_rows if isinstance(self.network, TFNO) else self.network)
        return found * self.output_scale + self.output_mean

    def predicted_patch(self, views: Sequence[torch.Tensor], corner: tuple[int, ...]) -> torch.Tensor:
        """Return the outputs of one patch, its padding cut off, (batch, out_channels, points ...)."""
        grid = self.multi_grid(views[0].shape[2:])
        found = self._patch(grid, corner, *views)
        for axis, (p, n) in enumerate(zip(grid.padding, views[0].shape[2:], strict=True)):
            found = found.narrow(2 + axis, p, n // 2**self.levels)
        return found * self.output_scale + self.output_mean

    def multi_grid(self, points: Sequence[int]) -> MultiGrid:
        """Return the patches of fields of some points an axis."""
        padding = [round(self.architecture["padding"] * n) for n in points]
        return MultiGrid(self.levels, padding, self.architecture["boundary"])

    def _patch(self, grid: MultiGrid, corner: tuple[int, ...], *views: torch.Tensor) -> torch.Tensor:
        """Return one patch with its padding, cut out of the views only here: they are all that is held meanwhile."""
        patch = grid.patch(views, corner)
        places = self.positions(views[0].shape[2:], grid.origin(corner, views[0].shape[2:]), patch.shape[2:])
        result: torch.Tensor = self.network(patch, places.to(patch))
        if self.coarse is None:
            return result
        first = self.architecture["in_channels"]
        return result + patch[:, first : first + self.architecture["out_channels"]]

    def positions(self, points: Sequence[int], start: Sequence[int], length: Sequence[int]) -> torch.Tensor:
        """Return where the points of a window lie in the whole domain, (1, axes, length ...), from a first one on.

        Along periodic axes positions are wrapped as the field is; along the others they go on beyond the edges.
        """
        lines = []
        known = zip(points, start, length, self.architecture["boundary"], self.architecture["grid"], strict=True)
        for n, first, count, kind, where in known:
            line, at = coordinates(n, kind, where), torch.arange(first, first + count)
            lines.append(line[at % n] if kind == "periodic" else line[0] + (line[1] - line[0]) * at)
        return torch.stack(torch.meshgrid(*lines, indexing="ij"))[None]


def _network(architecture: Mapping[str, Any], levels: int) -> nn.Module:
    more = architecture["out_channels"] if levels and architecture.get("coarse") else 0
    channels = architecture["in_channels"] * (1 + levels) + more, architecture["out_channels"]
    boundary, grid = architecture["boundary"], architecture["grid"]
    if architecture.get("transform"):  # a peer that knows no boundary, but the coordinates
        boundary = [architecture["transform"]] * len(boundary)
    if architecture["form"] == "unet":
        periodic = all(kind == "periodic" for kind in boundary)
        return SmallUNet(*channels, architecture["width"], architecture["depth"], len(boundary), periodic)
    rank = architecture["rank"]
    return TFNO(
        *channels,
        architecture["modes"],
        architecture["width"],
        architecture["layers"],
        tuple(rank) if isinstance(rank, list) else rank,
        architecture["factorisation"],
        architecture["joint"],
        [architecture.get("patch", "open")] * len(boundary) if levels else boundary,
        grid=["centre"] * len(boundary) if levels else grid,
        positions=_positions(architecture, levels),
        stencil=architecture.get("stencil", 1),
        spacing=_spacing(architecture, levels),
    )


def _coarsest(architecture: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the operator of the coarsest view of the whole domain is."""
    points = [n // 2 ** architecture["levels"] for n in architecture.get("points", ())]
    return {**architecture, "levels": 0, "grid": ["centre"] * len(architecture["boundary"]), "points": points}


def _spacing(architecture: Mapping[str, Any], levels: int) -> list[float]:
    """Return how far points of the training grid lie apart, as shares of what a network sees: domain or patch."""
    spacing = []
    for n, kind, where in zip(
        architecture.get("points", ()), architecture["boundary"], architecture["grid"], strict=False
    ):
        patch = n // 2**levels + 2 * round(architecture["padding"] * n) if levels else n
        closed = where == "both" and kind != "periodic" and not levels
        spacing.append(1 / (patch - 1 if closed else patch))
    return spacing


def _positions(architecture: Mapping[str, Any], levels: int) -> Positions:
    """Say which coordinates a network is given."""
    if architecture.get("transform"):
        return "all"
    if not levels:
        return "auto"
    given: Positions = architecture.get("positions", "all")
    return given


def normalisation(ds: xr.Dataset) -> tuple[Moments, Moments]:
    """Return mean and deviation of each channel of inputs and of outputs; of large files block by block."""
    if ds.nbytes < IN_MEMORY:
        return _moments([fields.array(ds, "input")]), _moments([fields.array(ds, "output")])
    step = max(1, IN_MEMORY // 16 * ds.sizes["sample"] // ds.nbytes)
    bounds = range(0, ds.sizes["sample"], step)
    found = [
        _moments(fields.array(ds.isel(sample=slice(i, i + step)), role) for i in bounds) for role in ("input", "output")
    ]
    return found[0], found[1]


def _moments(blocks: Iterable[NDArray[np.float32]]) -> Moments:
    """Return mean and deviation of each channel of blocks (sample, channel, axes ...), joined in their order."""
    count, mean, squares = 0, np.zeros(1), np.zeros(1)
    for values in blocks:
        axes = (0, *range(2, values.ndim))
        own = values.size // values.shape[1]
        shift = values.mean(axes, dtype=np.float64) - mean
        total = count + own
        squares = squares + values.var(axes, dtype=np.float64) * own + shift**2 * count * own / total
        mean, count = mean + shift * own / total, total
    return mean, np.sqrt(squares / count)


def geometry(ds: xr.Dataset) -> dict[str, Any]:
    """Return what the data say of the grid: boundary, grid and length per axis, channels in and out."""
    known = fields.axes(ds)
    axes = [known[name] for name in fields.space(ds)]
    return {
        "boundary": [axis.boundary for axis in axes],
        "grid": [axis.grid for axis in axes],
        "lengths": [axis.high - axis.low for axis in axes],
        "in_channels": int(fields.array(ds.isel(sample=slice(0, 1)), "input").shape[1]),
        "out_channels": int(fields.array(ds.isel(sample=slice(0, 1)), "output").shape[1]),
    }


def to_tree(model: Operator, curves: Mapping[str, Any], loss: str) -> xr.DataTree:
    """Return an operator with the curves of its training as kind `operator`."""
    weights = {name: values.detach().numpy() for name, values in model.state_dict().items()}
    return operator.dataset(weights, model.architecture, loss=loss, **curves)


def from_tree(tree: xr.DataTree) -> Operator:
    """Return the operator of a file, bit for bit the one that was stored."""
    model = Operator(operator.architecture(tree))
    stored = operator.parameters(tree)
    model.load_state_dict({name: torch.as_tensor(values.copy()) for name, values in stored.items()})
    return model.eval()


def predicted(model: nn.Module, inputs: NDArray[np.float32], batch: int = 16) -> NDArray[np.float32]:
    """Return the outputs of a network for inputs (sample, channel, axes ...), batch by batch."""
    with torch.no_grad():
        parts = [model(torch.as_tensor(inputs[i : i + batch])).numpy() for i in range(0, len(inputs), batch)]
    return np.concatenate(parts)
