"""Functions of several variables by name: model problems of approximation and of potential theory."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]


def _squared(x: tuple[Array, ...], centre: float) -> Array:
    return np.asarray(sum((v - centre) ** 2 for v in x))


def runge(*x: Array, sharpness: float = 25.0, centre: float = 0.0) -> Array:
    """Return 1 / (1 + sharpness r^2)."""
    return np.asarray(1 / (1 + sharpness * _squared(x, centre)))


def newton(*x: Array, softening: float = 0.1, centre: float = 0.0) -> Array:
    """Return 1 / sqrt(r^2 + softening^2)."""
    return np.asarray(1 / np.sqrt(_squared(x, centre) + softening**2))


def newton_long_range(*x: Array, splitting: float = 6.0, centre: float = 0.0) -> Array:
    """Return erf(splitting r) / r, smooth at r = 0."""
    r = np.sqrt(_squared(x, centre))
    small = r * splitting < 1e-4
    safe = np.where(small, 1.0, r)
    return np.where(
        small, 2 * splitting / np.sqrt(np.pi) * (1 - (splitting * r) ** 2 / 3), special.erf(splitting * r) / safe
    )


def slater(*x: Array, exponent: float = 1.0, centre: float = 0.0) -> Array:
    """Return exp(-exponent r), with a cusp at the centre."""
    return np.asarray(np.exp(-exponent * np.sqrt(_squared(x, centre))))


def gaussian(*x: Array, exponent: float = 1.0, centre: float = 0.0) -> Array:
    """Return exp(-exponent r^2)."""
    return np.asarray(np.exp(-exponent * _squared(x, centre)))


def plane_wave(*x: Array, wavenumber: float = 1.0, phase: float = 0.0) -> Array:
    """Return cos(wavenumber (x + y + ...) + phase)."""
    return np.asarray(np.cos(wavenumber * sum(x) + phase))


def sech2(*x: Array, sharpness: float = 3.0) -> Array:
    """Return sech^2(sharpness (x + y + ...))."""
    return np.asarray(1 / np.cosh(sharpness * sum(x)) ** 2)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (runge, newton, newton_long_range, slater, gaussian, plane_wave, sech2)
}


def resolve(name: str, parameters: Mapping[str, float]) -> Callable[..., Any]:
    """Return a function of coordinate arrays from a name or ``module:function``, its parameters filled in.

    Raises
    ------
    ValueError
        For an unknown name, a module that cannot be imported, or a parameter that the function does not take.

    Examples
    --------
    >>> float(resolve("gaussian", {"exponent": 2.0})(np.array(1.0)).round(6))
    0.135335
    """
    if ":" in name:
        module, _, attribute = name.partition(":")
        try:
            function = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"function {name!r} cannot be imported ({error}); is its folder on PYTHONPATH?") from error
    elif name in FUNCTIONS:
        function = FUNCTIONS[name]
    else:
        raise ValueError(f"there is no function {name!r}; known: {', '.join(FUNCTIONS)}, or module:function")
    if parameters:
        known = [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_POSITIONAL]
        for parameter in parameters:
            if parameter not in known:
                raise ValueError(f"function {name!r} takes no parameter {parameter!r}; it takes {', '.join(known)}")
    return lambda *x: function(*x, **parameters)
