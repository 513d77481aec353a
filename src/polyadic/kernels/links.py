r"""Links: monotone maps g from values y to the scale u = g(y) on which a model is Gaussian, or a mixture of Gaussians.

==============  =================  ==============================  =====================
name            g                  values                          log g'(y)
==============  =================  ==============================  =====================
``identity``    y                  any                             0
``log``         log y              y > 0                           -log y
``cube_root``   :math:`y^{1/3}`    any but 0, which has no density :math:`-\log 3 - \frac23 \log |y|`
==============  =================  ==============================  =====================

The cube root maps the whole line onto itself, so nothing is cut off; amounts that are skewed to the right, such as
rainfall and concentrations, are often nearly Gaussian there (Stidd 1953, *Trans. AGU* 34; Wilson & Hilferty 1931,
*PNAS* 17). It damps large values less than the logarithm, and small ones more.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LINKS = ("identity", "log", "cube_root")


def forward(link: str, y: Array) -> Array:
    """Return the values on the scale of the model.

    Raises
    ------
    ValueError
        If the link is not known, or a log link meets values that are not positive.

    Examples
    --------
    >>> forward("log", np.array([1.0])).tolist(), forward("cube_root", np.array([-8.0])).tolist()
    ([0.0], [-2.0])
    """
    check(link)
    if link == "identity":
        return y
    if link == "cube_root":
        return np.asarray(np.cbrt(y))
    if (y <= 0).any():
        raise ValueError(
            f"link='log' needs positive y; {int((y <= 0).sum())} of {y.size} values are <= 0 (least {y.min():g}). "
            "Remove them, add a detection limit, or use link='cube_root' or link='identity'"
        )
    return np.asarray(np.log(y))


def check(link: str) -> None:
    """Raise `ValueError` if the link is not known."""
    if link not in LINKS:
        raise ValueError(f"link={link!r}: allowed are {', '.join(LINKS)}")


def inverse(link: str, u: Array) -> Array:
    """Return the values whose linked ones are u."""
    check(link)
    if link == "identity":
        return u
    return np.asarray(np.exp(u) if link == "log" else u**3)


def slope(link: str, u: Array) -> Array:
    """Return the derivative dy / du of the inverse at linked values u.

    Examples
    --------
    >>> slope("cube_root", np.array([2.0])).tolist()
    [12.0]
    """
    check(link)
    if link == "identity":
        return np.ones_like(u)
    return np.asarray(np.exp(u) if link == "log" else 3.0 * u**2)


def log_jacobian(link: str, y: Array) -> Array:
    """Return log g'(y): what turns a log density of linked values into one of values in their own units.

    Notes
    -----
    With the cube root it is finite at zero too: zeros count as the least positive normal number.
    """
    check(link)
    if link == "identity":
        return np.zeros_like(y)
    if link == "log":
        return np.asarray(-np.log(y))
    return np.asarray(-np.log(3.0) - 2.0 / 3.0 * np.log(np.maximum(np.abs(y), np.finfo(float).tiny)))


def moments(link: str, mean: Array, variance: Array) -> tuple[Array, Array]:
    r"""Return mean and variance of y where u is Gaussian: exact for every link.

    Log: :math:`e^{m + v/2}` and its square times :math:`e^v - 1`. Cube root: :math:`m^3 + 3 m v` and
    :math:`9 m^4 v + 36 m^2 v^2 + 15 v^3`.

    Examples
    --------
    >>> moments("cube_root", np.array([0.0]), np.array([1.0]))
    (array([0.]), array([15.]))
    """
    check(link)
    if link == "identity":
        return mean, variance
    if link == "log":
        centre = np.exp(mean + variance / 2)
        return centre, centre**2 * np.expm1(variance)
    spread = variance * (9 * mean**4 + 36 * mean**2 * variance + 15 * variance**2)
    return mean**3 + 3 * mean * variance, spread
