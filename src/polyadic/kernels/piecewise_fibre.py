"""Functions on [-1, 1] sampled adaptively: few values even where a polynomial on the whole interval needs thousands."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import chebyshev
from polyadic.kernels.series_length import series_length

Array = NDArray[np.float64]

_FIRST = 17
_WHOLE_LIMIT, _PIECE_LIMIT = 257, 129  # most points of the whole interval, and of a part of it
_TINY = 4  # coefficients that nine points show to suffice
_JOINED, _JOIN = 0.85, 11  # share of the coefficients of two pieces that one needs, and the most that 17 points resolve
_NARROWEST = 1e-10
_SEAM, _FINE_SEAM = 0.05, 0.002  # of the threshold inside of pieces: steps at seams make long flat tails of the series
_AT_ONCE = 8192  # points whose basis functions stay in cache
_ROUNDING = 1e-15  # of the values of a piece: what the finer one of both shares must not go below


@dataclass(frozen=True)
class Piece:
    """A polynomial on a part of [-1, 1]: ends, coefficients, whether they resolve the function or meet its noise."""

    low: float
    high: float
    coefficients: Array
    needed: int
    resolved: bool
    noisy: bool = False


@dataclass(frozen=True)
class PiecewiseFibre:
    """Polynomials on neighbouring pieces of [-1, 1].

    Attributes
    ----------
    pieces
        By ascending position.
    resolved
        Whether every piece is.
    """

    pieces: tuple[Piece, ...]
    resolved: bool

    @property
    def noisy(self) -> bool:
        """Whether the values carry noise anywhere, seen on a tiny interval."""
        return any(piece.noisy for piece in self.pieces)

    def __call__(self, t: Array) -> Array:
        """Return the values at coordinates."""
        if len(self.pieces) == 1:
            c = self.pieces[0].coefficients
            return np.asarray(chebyshev.functions(t, len(c)).T @ c)
        lows = np.array([piece.low for piece in self.pieces])
        which = np.clip(np.searchsorted(lows, t, side="right") - 1, 0, len(lows) - 1)
        width = np.array([piece.high - piece.low for piece in self.pieces])
        local = np.clip(2 * (t - lows[which]) / width[which] - 1, -1, 1)
        sizes = np.array([len(piece.coefficients) for piece in self.pieces])
        out = np.empty(len(t))
        for size in np.unique(sizes):  # the longest piece does not set the price of all
            alike = np.flatnonzero(sizes == size)
            place = np.full(len(sizes), -1)
            place[alike] = np.arange(len(alike))
            at = np.flatnonzero(sizes[which] == size)
            table = np.column_stack([self.pieces[k].coefficients for k in alike])
            for part in np.array_split(at, len(at) // _AT_ONCE + 1):
                terms = table[:, place[which[part]]] * chebyshev.functions(local[part], size)
                out[part] = terms.sum(axis=0)
        return out

    def on_chebyshev_points(self, n: int) -> Array:
        """Return the values at ``n`` Chebyshev points, by a fast transform where there is one piece."""
        if len(self.pieces) == 1 and len(self.pieces[0].coefficients) <= n:
            c = self.pieces[0].coefficients
            return chebyshev.values(np.concatenate([c, np.zeros(n - len(c))]))
        return self(chebyshev.points(n))

    @property
    def layout(self) -> tuple[tuple[float, float, int], ...]:
        """Pieces and sizes that would have sufficed: where the sampling of a similar function may start.

        Neighbours that together need few coefficients become one piece; two of one length need less than both.
        """
        joined: list[tuple[float, float, float]] = []
        for p in self.pieces:
            low, _, needed = joined[-1] if joined else (p.low, p.low, np.inf)
            if _JOINED * (needed + p.needed) <= _JOIN:
                joined[-1] = low, p.high, _JOINED * (needed + p.needed)
            else:
                joined.append((p.low, p.high, float(p.needed)))
        return tuple((low, high, _enough(needed)) for low, high, needed in joined)


def _enough(needed: float) -> int:
    """Return the points of a piece for a number of coefficients."""
    return 9 if needed <= _TINY else max(_FIRST, int(1.1 * needed) + 4)


WHOLE = ((-1.0, 1.0, _FIRST),)


def sample(
    function: Callable[[Array], Array],
    threshold: float,
    layout: tuple[tuple[float, float, int], ...] = WHOLE,
    largest: int = 2**15 + 1,
) -> PiecewiseFibre:
    """Return a function of [-1, 1] as polynomials on as many pieces as it needs.

    Every piece takes 17, 33, 65 points and so on, values reused, as long as the decay of its coefficients promises
    success at the next size; else it is halved. A function that is unresolved nearly everywhere after three halvings
    oscillates: it goes on in one piece.

    Parameters
    ----------
    function
        Values at coordinates.
    threshold
        Accepted error, absolute.
    layout
        Pieces (low, high, points) to start with.
    largest
        Most points of a function in one piece, and about the most in all pieces.

    Examples
    --------
    >>> kink = sample(lambda t: np.abs(t - 0.3), 1e-6)
    >>> float(np.abs(kink(np.array([0.3, 0.9])) - [0, 0.6]).max()) < 1e-5, kink.resolved
    (True, True)
    """
    spent = 0

    def counted(t: Array) -> Array:
        nonlocal spent
        spent += len(t)
        return function(t)

    todo = list(layout)
    done: list[Piece] = []
    for level in range(36):
        pieces = [_piece(counted, (low, high), size, threshold) for low, high, size in todo]
        poor = [p for p in pieces if not p.resolved and p.high - p.low >= _NARROWEST]
        done += [p for p in pieces if p not in poor]
        if not poor:
            break
        if len(poor) >= 6 and sum(p.high - p.low for p in poor) > 1.4 and level >= 3:
            return _in_one_piece(counted, threshold, largest)
        if spent > largest:
            done += poor
            break
        halves = [(p.low, (p.low + p.high) / 2, p.high) for p in poor]
        todo = [(low, high, _FIRST) for a, b, c in halves for low, high in ((a, b), (b, c))]
    done.sort(key=lambda piece: piece.low)
    return PiecewiseFibre(tuple(done), all(piece.resolved for piece in done))


def _in_one_piece(function: Callable[[Array], Array], threshold: float, largest: int) -> PiecewiseFibre:
    piece = _piece(function, (-1.0, 1.0), 4 * _WHOLE_LIMIT - 3, threshold, largest)
    return PiecewiseFibre((piece,), piece.resolved)


def _piece(
    function: Callable[[Array], Array], ends: tuple[float, float], size: int, threshold: float, largest: int = 0
) -> Piece:
    """Return the polynomial of one piece, on the first of the sizes that resolves it or is not worth doubling."""
    low, high = ends
    whole = high - low > 1.5
    largest = largest or (_WHOLE_LIMIT if whole else _PIECE_LIMIT)
    values = function(low + (high - low) * (chebyshev.points(size) + 1) / 2)
    if not whole:
        rounding = _ROUNDING * float(np.abs(values).max())
        threshold = min(_SEAM * threshold, max(_FINE_SEAM * threshold, rounding))
    while True:
        c = chebyshev.coefficients(values)
        length = series_length(c, threshold)
        noisy = length.noisy and not length.resolved and _noise(function, ends, length.error)
        if length.resolved or noisy:
            return Piece(low, high, c, length.length, True, noisy)
        if 2 * size - 1 > largest or not (whole or _promising(c, threshold)):
            return Piece(low, high, c, size, False)
        size = 2 * size - 1
        grown = np.empty(size)
        grown[::2] = values
        grown[1::2] = function(low + (high - low) * (chebyshev.points(size)[1::2] + 1) / 2)
        values = grown


def _noise(function: Callable[[Array], Array], ends: tuple[float, float], level: float) -> bool:
    """Return whether the function is rough on a tiny interval too: a flat tail may also be a feature between points."""
    low, high = ends
    start, width = low + 0.381966 * (high - low), 1e-5 * (high - low)
    c = chebyshev.coefficients(function(start + width * (chebyshev.points(_FIRST) + 1) / 2))
    return bool(np.abs(c[_FIRST // 2 :]).max() * 300 > level)


def _promising(c: Array, threshold: float) -> bool:
    """Return whether twice the points will do, were the decay of the coefficients to go on geometrically."""
    envelope = np.maximum.accumulate(np.abs(c)[::-1])[::-1]
    n = len(c)
    first, last = envelope[n // 3], envelope[n - max(2, n // 10)]
    if last <= threshold or first <= 0:
        return True
    rate = np.log(first / last) / (n - max(2, n // 10) - n // 3)
    return bool(np.log(last / threshold) <= 0.7 * n * rate)
