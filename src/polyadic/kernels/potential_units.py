"""Units of the electrostatic potential of elementary charges at positions in Angstrom (CODATA 2018)."""

from types import MappingProxyType

COULOMB = 14.399645478427
"""e / (4 pi epsilon_0), in V Angstrom."""

_BOLTZMANN = 8.617333262e-5  # eV / K
_KCAL = 23.060547830619  # kcal/mol in an eV

UNITS = MappingProxyType({"e/A": "charge over distance", "V": "volt", "kcal/mol/e": "", "kT/e": "thermal"})
"""Accepted units of a potential."""


def factor(unit: str, temperature: float = 298.15) -> float:
    """Return the number that takes charge/distance, in e/Angstrom, to a unit.

    Parameters
    ----------
    unit
        ``"e/A"`` (1: any units of charge and length, Gaussian convention), ``"V"``, ``"kcal/mol/e"`` or ``"kT/e"``.
    temperature
        In K; used by ``"kT/e"``.

    Examples
    --------
    >>> factor("V"), round(factor("kcal/mol/e"), 3), round(factor("kT/e"), 1)
    (14.399645478427, 332.064, 560.5)
    """
    if unit not in UNITS:
        raise ValueError(f"unit must be one of {', '.join(UNITS)}, found {unit!r}")
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, in K, found {temperature!r}")
    per_volt = {"V": 1.0, "kcal/mol/e": _KCAL, "kT/e": 1.0 / (_BOLTZMANN * temperature)}
    return COULOMB * per_volt[unit] if unit in per_volt else 1.0


def energy_unit(unit: str) -> str:
    """Return the unit of charge times potential.

    Examples
    --------
    >>> [energy_unit(unit) for unit in UNITS]
    ['e2/A', 'eV', 'kcal/mol', 'kT']
    """
    return {"e/A": "e2/A", "V": "eV", "kcal/mol/e": "kcal/mol", "kT/e": "kT"}[unit]
