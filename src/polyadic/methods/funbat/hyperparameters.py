"""What a fit learned, as a table of numbers in physical units: kilometres, days, years, units of the data."""

import numpy as np
import xarray as xr

from polyadic.kinds import tucker_posterior as kind

KM_PER_DEGREE = 111.2
DAYS_PER_YEAR = 365.2425


def table(ds: xr.Dataset) -> xr.Dataset:
    """Return one row a learned number: parameter, of what, which function, value and unit, strongest function first.

    Lengths along latitude are told in km by 111.2 km a degree, along longitude by 111.2 km times the cosine of the mean
    latitude, along time in days below two years and in years above. Pruned functions, of relevance below 0.1 %, are
    left out.

    Parameters
    ----------
    ds
        The root of a Dataset of kind `tucker_posterior`, as a fit writes it.
    """
    rows: list[tuple[str, str, str, float, str]] = []
    for mode in kind.modes(ds):
        rows += _of_mode(ds, mode)
    for label, of in (("residual", "local process on the remainder"), ("local_alone", "local process alone")):
        for name in sorted(map(str, ds.data_vars)):
            if name.startswith(f"{label}_") and name != f"{label}_noise_variance":
                part = name.removeprefix(f"{label}_")
                for number, value in enumerate(np.atleast_1d(ds[name].to_numpy())):
                    rows.append((_words(part), of, str(number + 1), *_physical(ds, part, value, ds[name])))
    noise = ds["noise_variance"]
    rows.append(("noise, standard deviation", "a measurement", "", float(noise) ** 0.5, str(ds["core"].attrs["units"])))
    columns = ("parameter", "of", "function", "value", "unit")
    out = xr.Dataset()
    for number, column in enumerate(columns):
        values = np.array([row[number] for row in rows], float if column == "value" else str)
        out[column] = ("row", values, {"long_name": column})
    out["value"].attrs |= {"units": "1", "comment": "in the unit of the row"}
    return out


def _of_mode(ds: xr.Dataset, mode: str) -> list[tuple[str, str, str, float, str]]:
    relevance = ds[f"relevance_{mode}"].to_numpy()
    own = [
        str(name)
        for name in ds.data_vars
        if str(name).endswith(f"_{mode}") and ds[name].dims == ds[f"relevance_{mode}"].dims
    ]
    rows = []
    for function in np.argsort(-np.nan_to_num(relevance, nan=-1.0), kind="stable"):
        if relevance[function] < 1e-3 or np.isnan(relevance[function]):
            continue
        for name in own:
            part = name.removesuffix(f"_{mode}")
            value, unit = _physical(ds, part, float(ds[name][function]), ds[name], mode)
            rows.append((_words(part), mode, str(function), value, unit))
    return rows


def _physical(ds: xr.Dataset, part: str, value: float, array: xr.DataArray, mode: str = "") -> tuple[float, str]:
    unit = str(array.attrs.get("units", "1"))
    if not part.startswith("length"):
        return float(value), unit
    axis = mode or part.removeprefix("length_")
    if axis in ("latitude", "longitude") and unit != "km":
        narrow = 1.0
        if axis == "longitude" and "latitude" in ds.coords:
            narrow = float(np.cos(np.radians(float(ds["latitude"].mean()))))
        return float(value) * KM_PER_DEGREE * narrow, "km"
    if unit == "days" and value >= 2 * DAYS_PER_YEAR:
        return float(value) / DAYS_PER_YEAR, "years"
    return float(value), unit


def _words(part: str) -> str:
    text = "length scale" + part.removeprefix("length") if part.startswith("length") else part
    return text.replace("_", " ")
