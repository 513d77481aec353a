r"""Seasons as known functions of a coordinate: cosines and sines of a period and its first overtones.

A kernel name may end in ``+harmonics(PERIOD)`` or ``+harmonics(PERIOD, COUNT)``, for instance
``"matern12+harmonics(365.25, 2)"``. The core then holds, beside the learned functions of the mode, the known ones

.. math:: \sqrt{2} \cos(2 \pi j t / p), \quad \sqrt{2} \sin(2 \pi j t / p), \qquad j = 1, \dots, J,

so every function of the other modes (each place's mean, each pattern) has a season of its own, which no Kalman filter
carries. ``periodic(PERIOD)`` in :mod:`polyadic.kernels.linear_sde` is the learned, smoother and costlier alternative.
"""

import re

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
COUNT = 2
_TERM = re.compile(r"harmonics\(\s*([0-9.eE+-]+)\s*(?:,\s*([0-9]+)\s*)?\)")


def separate(kernel: str) -> tuple[str, Array]:
    """Return the name of the learned part of a kernel and the periods of the known functions, longest first.

    Parameters
    ----------
    kernel
        Terms joined by ``+``.

    Returns
    -------
    the name without ``harmonics`` terms, and the periods (harmonics,) in units of the coordinate.

    Raises
    ------
    ValueError
        If a term is malformed, a period or a count is not positive, or nothing learned is left.

    Examples
    --------
    >>> separate("matern12 + harmonics(12, 3)")
    ('matern12', array([12.,  6.,  4.]))
    >>> separate("matern32")
    ('matern32', array([], dtype=float64))
    """
    learned, periods = [], []
    for part in _terms(kernel):
        if not part.startswith("harmonics"):
            learned.append(part)
            continue
        found = _TERM.fullmatch(part)
        period, count = (float(found.group(1)), int(found.group(2) or COUNT)) if found else (0.0, 0)
        if not (period > 0 and count > 0):
            raise ValueError(f"kernel {kernel!r}: {part!r} is not known; write harmonics(PERIOD, 2)")
        periods += [period / j for j in range(1, count + 1)]
    if not learned:
        raise ValueError(f"kernel {kernel!r}: harmonics need a learned part beside them, such as matern12 or auto")
    return "+".join(learned), np.sort(np.array(periods, dtype=np.float64))[::-1].copy()


def _terms(kernel: str) -> list[str]:
    return [part.strip() for part in kernel.split("+")] if "harmonics" in kernel else [kernel]


def functions(periods: Array, at: Array) -> Array:
    """Return the known functions at coordinates ``at`` (n,): cosine and sine of each period, shape (n, 2 harmonics).

    Examples
    --------
    >>> functions(np.array([4.0]), np.array([0.0, 1.0])).round(3) + 0.0
    array([[1.414, 0.   ],
           [0.   , 1.414]])
    """
    angle = 2 * np.pi * np.asarray(at, dtype=np.float64)[:, None] / periods
    return np.asarray(np.sqrt(2.0) * np.stack([np.cos(angle), np.sin(angle)], axis=-1).reshape(angle.shape[0], -1))
