r"""The weights of spectral layers as one tensor over layers, channels and modes: dense, Tucker, CP or tensor train.

:math:`T(l, c, o, k_1, \dots, k_d)` multiplies the coefficients of channel :math:`c` at mode :math:`k` in layer
:math:`l` to give channel :math:`o`. Complex entries are stored as real pairs, so that fused real optimisers take them.
Factors of layers and channels are real, those of modes and the core complex: a real channel factor commutes with the
transform, which then runs on the few channels of the rank.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import torch
from scipy.optimize import brentq
from torch import nn

__all__ = ["Factorisation", "Pieces", "SpectralWeight", "cp_rank", "tensor_train_ranks", "tucker_ranks"]

Factorisation = Literal["dense", "tucker", "cp", "tt"]
Rank = float | int | Sequence[int]


class Pieces(NamedTuple):
    """One layer's weight: ``inner`` ([2,] modes ..., r, s), ``into`` (channels, r) and ``out`` (s, channels)."""

    into: torch.Tensor | None
    inner: torch.Tensor
    out: torch.Tensor | None


def tucker_ranks(shape: Sequence[int], rank: Rank) -> tuple[int, ...]:
    r"""Return the ranks of a Tucker format: given ones, or those of a fraction of the dense parameter count.

    For a fraction :math:`\rho` the ranks are :math:`\max(1, \mathrm{round}(c I_k))` with
    :math:`c^n \prod I_k + c \sum I_k^2 = \rho \prod I_k`.

    Parameters
    ----------
    shape
        Sizes :math:`I_k`.
    rank
        A float is a fraction; a whole number one rank for all modes; a tuple the ranks themselves.

    Raises
    ------
    ValueError
        If a rank is below one, or the number of ranks is not that of the modes.

    Examples
    --------
    >>> tucker_ranks((4, 32, 32, 17, 9), 0.1)
    (3, 20, 20, 11, 6)
    >>> tucker_ranks((4, 8, 8), 1), tucker_ranks((4, 8, 8), (4, 2, 2))
    ((1, 1, 1), (4, 2, 2))
    """
    if isinstance(rank, float):
        _check_fraction(rank)
        size, squares, n = math.prod(shape), sum(i * i for i in shape), len(shape)
        c = brentq(lambda x: x**n * size + x * squares - rank * size, 0.0, max(1.0, rank) + 1.0)
        return tuple(min(i, max(1, round(c * i))) for i in shape)
    if isinstance(rank, int):
        rank = (rank,) * len(shape)
    if len(rank) != len(shape):
        raise ValueError(f"rank has {len(rank)} entries for a tensor of {len(shape)} modes of sizes {tuple(shape)}")
    for r in rank:
        _check_whole(r)
    return tuple(min(int(r), i) for r, i in zip(rank, shape, strict=True))


def cp_rank(shape: Sequence[int], rank: Rank) -> int:
    r"""Return the number of CP terms: given, or :math:`\rho \prod I_k / (1 + \sum I_k)` of a fraction, at least one.

    >>> cp_rank((4, 32, 32, 17, 9), 0.1), cp_rank((4, 8, 8), 3)
    (660, 3)
    """
    if isinstance(rank, float):
        _check_fraction(rank)
        return max(1, round(rank * math.prod(shape) / (1 + sum(shape))))
    if not isinstance(rank, int):
        raise ValueError(f"rank of a CP format is one number of terms or a fraction, found {rank!r}")
    _check_whole(rank)
    return rank


def tensor_train_ranks(shape: Sequence[int], rank: Rank) -> tuple[int, ...]:
    r"""Return the inner ranks of a tensor train, each at most what the unfolding allows.

    A fraction gives one rank :math:`r` with :math:`\sum_k r_{k-1} I_k r_k = \rho \prod I_k`, :math:`r_0 = r_n = 1`.

    >>> tensor_train_ranks((4, 32, 32, 17, 9), 0.1), tensor_train_ranks((4, 8, 8), (4, 2))
    ((4, 40, 40, 9), (4, 2))
    """
    bounds = [min(math.prod(shape[:k]), math.prod(shape[k:])) for k in range(1, len(shape))]
    if isinstance(rank, float):
        _check_fraction(rank)

        def parameters(r: float) -> float:
            inner = [1.0, *(min(r, b) for b in bounds), 1.0]
            return sum(inner[k] * i * inner[k + 1] for k, i in enumerate(shape))

        goal = rank * math.prod(shape)
        top = float(max(bounds))
        r = top if parameters(top) <= goal else brentq(lambda x: parameters(x) - goal, 0.0, top)
        return tuple(min(b, max(1, round(r))) for b in bounds)
    if isinstance(rank, int):
        rank = (rank,) * len(bounds)
    if len(rank) != len(bounds):
        raise ValueError(f"rank has {len(rank)} entries; a tensor train of {len(shape)} modes has {len(bounds)}")
    for r in rank:
        _check_whole(r)
    return tuple(min(int(r), b) for r, b in zip(rank, bounds, strict=True))


class SpectralWeight(nn.Module):
    r"""The weights of ``layers`` spectral layers in one format.

    The reconstructed weight has standard deviation :math:`\sqrt{2 / (C_\mathrm{in} + C_\mathrm{out})}` at the start.

    Parameters
    ----------
    layers
        Layers that share the tensor.
    channels
        ``(in, out)``.
    modes
        Kept modes per axis, as :attr:`polyadic.kernels.truncated_transform.Transform.shape`.
    complex_modes
        Whether the coefficients are complex.
    factorisation
        ``dense``, ``tucker``, ``cp`` or ``tt``.
    rank
        A float is a fraction of the dense parameter count, a whole number or a tuple true ranks: ``1`` is rank one,
        ``1.0`` as many parameters as the dense tensor. ``ranks`` and ``parameters`` say what came out.

    Raises
    ------
    ValueError
        If the format is unknown or the rank does not fit it.

    Examples
    --------
    >>> weight = SpectralWeight(4, (32, 32), (17, 9), True, "tucker", 0.1)
    >>> weight.ranks, weight.parameter_count, round(weight.compression, 1)
    ((3, 20, 20, 11, 6), 160174, 7.8)
    """

    def __init__(
        self,
        layers: int,
        channels: tuple[int, int],
        modes: Sequence[int],
        complex_modes: bool,
        factorisation: Factorisation = "tucker",
        rank: Rank = 1.0,
    ):
        super().__init__()
        if factorisation not in get_args(Factorisation):
            accepted = ", ".join(get_args(Factorisation))
            raise ValueError(f"factorisation {factorisation!r} is unknown; accepted are {accepted}")
        self.shape = (layers, *channels, *modes)
        self.complex_modes = complex_modes
        self.factorisation = factorisation
        self.deviation = math.sqrt(2 / sum(channels))
        getattr(self, f"_start_{factorisation}")(rank)

    @property
    def parameters_dense(self) -> int:
        """Real numbers in the dense tensor."""
        return math.prod(self.shape) * (2 if self.complex_modes else 1)

    @property
    def parameter_count(self) -> int:
        """Real numbers stored."""
        return sum(p.numel() for p in super().parameters())

    @property
    def compression(self) -> float:
        """Real numbers of the dense tensor over those stored."""
        return self.parameters_dense / self.parameter_count

    def pieces(self) -> list[Pieces]:
        """Return what each layer multiplies with; once per step, whatever the batch."""
        return list(getattr(self, f"_pieces_{self.factorisation}")())

    def reconstructed(self) -> torch.Tensor:
        """Return the dense tensor, (layers, in, out, modes ...[, 2])."""
        layers = []
        for into, inner, out in self.pieces():
            weight = inner if into is None else torch.matmul(into, inner)
            weight = weight if out is None else torch.matmul(weight, out)
            layers.append(weight.movedim(0, -1) if self.complex_modes else weight)
        stacked = torch.stack(layers)
        d = len(self.shape) - 3
        return stacked.movedim((1 + d, 2 + d), (1, 2))

    def _normal(self, *shape: int, deviation: float, real: bool = False) -> nn.Parameter:
        pair = self.complex_modes and not real
        values = torch.randn(*shape, 2) / math.sqrt(2) if pair else torch.randn(*shape)
        return nn.Parameter(deviation * values)

    def _start_dense(self, rank: Rank) -> None:
        if not (isinstance(rank, float) and rank == 1.0):
            raise ValueError(f"factorisation 'dense' has no rank to choose, found rank {rank!r}; leave it at 1.0")
        layers, into, out, *modes = self.shape
        self.ranks: tuple[int, ...] = ()
        parts = (2,) if self.complex_modes else ()
        scale = self.deviation / math.sqrt(1 + self.complex_modes)
        self.weight = nn.Parameter(scale * torch.randn(layers, *parts, *modes, into, out))

    def _pieces_dense(self) -> list[Pieces]:
        return [Pieces(None, weight, None) for weight in self.weight]

    def _start_tucker(self, rank: Rank) -> None:
        self.ranks = tucker_ranks(self.shape, rank)
        self.core = self._normal(*self.ranks, deviation=self.deviation)
        self.factors = nn.ParameterList(
            self._normal(size, r, deviation=1 / math.sqrt(r), real=k < 3)
            for k, (size, r) in enumerate(zip(self.shape, self.ranks, strict=True))
        )

    def _pieces_tucker(self) -> list[Pieces]:
        layer, into, out, *modes = self.factors
        inner = self._entries(self.core).movedim((1, 2), (-2, -1))  # (layer rank, mode ranks ..., r, s)
        for axis, factor in enumerate(modes, 1):
            inner = _along(self._entries(factor), inner, axis)
        parts = torch.view_as_real(inner).movedim(-1, 0) if self.complex_modes else inner[None]
        mixed = _along(layer, parts.contiguous(), 1)  # (part, layer, modes ..., r, s)
        return [Pieces(into, one if self.complex_modes else one[0], out.T) for one in mixed.unbind(1)]

    def _start_cp(self, rank: Rank) -> None:
        terms = cp_rank(self.shape, rank)
        self.ranks = (terms,)
        self.scale = nn.Parameter(torch.full((terms,), self.deviation / math.sqrt(terms)))
        self.factors = nn.ParameterList(
            self._normal(size, terms, deviation=1.0, real=k < 3) for k, size in enumerate(self.shape)
        )

    def _pieces_cp(self) -> list[Pieces]:
        layer, into, out, *modes = self.factors
        product = self._entries(modes[0])
        for factor in modes[1:]:
            product = product[..., None, :] * self._entries(factor)
        inner = torch.stack([product * (self.scale * row) for row in layer])  # (layer, modes ..., terms)
        spread = self._parts_first(inner)[..., None, :] * into  # (layer, [2,] modes ..., in, terms)
        return [Pieces(None, torch.matmul(one, out.T), None) for one in spread]

    def _start_tt(self, rank: Rank) -> None:
        self.ranks = tensor_train_ranks(self.shape, rank)
        inner = (1, *self.ranks, 1)
        self.cores = nn.ParameterList(
            self._normal(
                inner[k],
                size,
                inner[k + 1],
                deviation=(self.deviation if k == 0 else 1) / math.sqrt(inner[k]),
                real=k < 3,
            )
            for k, size in enumerate(self.shape)
        )

    def _pieces_tt(self) -> list[Pieces]:
        tail = self._entries(self.cores[-1])[..., 0]
        for core in reversed(self.cores[3:-1]):
            tail = torch.tensordot(self._entries(core), tail, dims=1)  # (r, modes ...)
        layer, into, out = self.cores[:3]
        head = torch.tensordot(torch.tensordot(layer[0], into, dims=1), out, dims=1)  # (layer, in, out, r)
        full = torch.tensordot(head.to(tail.dtype), tail, dims=1)
        return [Pieces(None, one, None) for one in self._parts_first(full.movedim((1, 2), (-2, -1)))]

    def _entries(self, stored: torch.Tensor) -> torch.Tensor:
        return torch.view_as_complex(stored) if self.complex_modes else stored

    def _parts_first(self, entries: torch.Tensor) -> torch.Tensor:
        return torch.view_as_real(entries).movedim(-1, 1).contiguous() if self.complex_modes else entries


def _along(matrix: torch.Tensor, tensor: torch.Tensor, axis: int) -> torch.Tensor:
    """Return the product of a matrix and a tensor along an axis, contiguous, without a copy of a contiguous tensor."""
    before, after = tensor.shape[:axis], tensor.shape[axis + 1 :]
    flat = tensor.reshape(math.prod(before), tensor.shape[axis], math.prod(after))
    return torch.bmm(matrix.expand(len(flat), -1, -1), flat).view(*before, len(matrix), *after)


def _check_fraction(rank: float) -> None:
    if not 0 < rank <= 1:
        raise ValueError(
            f"rank {rank} as a fraction of the dense parameters is to lie in (0, 1]; true ranks are whole numbers"
        )


def _check_whole(rank: int) -> None:
    if int(rank) != rank or rank < 1:
        raise ValueError(f"rank {rank!r} is no whole number from 1")
