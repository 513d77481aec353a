"""Tables of scores: runs side by side, the method beside its baselines."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from polyadic.core import io
from polyadic.core.errors import InputError, nearest

RESULTS = Path("results")


def metrics_file(run: str) -> Path:
    """Return the metrics file that a word means: a file, a folder, ``method/run`` or ``run``.

    Raises
    ------
    InputError
        If there is none below ``results/``; the nearest run is named.
    """
    path = Path(run)
    if path.suffix == ".nc":
        return path
    for folder in (path, RESULTS / run, *RESULTS.glob(f"*/{run}")):
        if (folder / "metrics.nc").is_file():
            return folder / "metrics.nc"
    known = [str(p.parent.relative_to(RESULTS)) for p in RESULTS.glob("*/*/metrics.nc")]
    raise InputError(f"{run}: there are no results of such a run below {RESULTS}/; {nearest(run, known)}")


def table(files: Sequence[Path]) -> pd.DataFrame:
    """Return the scores of runs, a row a run and method, a column a metric with its unit."""
    parts = []
    for path in files:
        with io.read(path) as ds:
            if ds.attrs.get("kind") != "metrics":
                raise InputError(f"{path}: its kind is {ds.attrs.get('kind')!r}, accepted is 'metrics'")
            value = ds["value"].mean("fold") if "fold" in ds["value"].dims else ds["value"]
            units = dict(zip(ds["metric"].to_numpy(), ds["metric_units"].to_numpy(), strict=True))
            if "run" not in value.dims:
                value = value.expand_dims(run=[path.parent.name])
            frame = value.transpose("run", "method", "metric").to_series().unstack("metric", sort=False)
            parts.append(
                pd.DataFrame(frame).rename(columns={m: m if u == "1" else f"{m} [{u}]" for m, u in units.items()})
            )
    joined: pd.DataFrame = pd.concat(parts)
    return joined


def text(scores: pd.DataFrame) -> str:
    """Return the table as aligned text."""
    return scores.to_string(float_format=lambda number: f"{number:.4g}")


def further(path: Path) -> tuple[str, pd.DataFrame]:
    """Return title and table of what a fit learned, or of the scores by station, from a file of such a kind."""
    with io.read(path) as ds:
        kind, stations = str(ds.attrs.get("kind")), ds
        if kind == "station_scores":
            units = {str(n): str(v.attrs.get("units", "1")) for n, v in stations.variables.items()}
            frame = stations.to_dataframe().reset_index()
            named = {n: n if units.get(n, "1") == "1" else f"{n} [{units[n]}]" for n in map(str, frame.columns)}
            return "Withheld rows by station", pd.DataFrame(frame.rename(columns=named))
    if kind == "tucker_posterior":
        with contextlib.closing(io.read(path, groups=True)) as tree:
            if "hyperparameters" in tree.children:
                table = tree.children["hyperparameters"].to_dataset(inherit=False).to_dataframe()
                return "Learned hyperparameters", table
    raise InputError(f"{path}: holds no table of stations or of hyperparameters, its kind is {kind!r}")


def save(scores: pd.DataFrame, path: Path, others: Sequence[tuple[str, pd.DataFrame]] = ()) -> None:
    """Write the table as ``.csv`` or ``.html`` in one step; a page holds the other tables below it."""
    flat = scores.reset_index()
    if path.suffix == ".csv":
        content = flat.to_csv(index=False, float_format="%.6g")
    elif path.suffix == ".html":
        content = _page(flat, others)
    else:
        raise InputError(f"{path}: a table ends with .csv or .html, found {path.suffix!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(content, encoding="utf-8")
    part.replace(path)


def _page(flat: pd.DataFrame, others: Sequence[tuple[str, pd.DataFrame]]) -> str:
    style = (
        "body{font-family:sans-serif;margin:1.5em}table{border-collapse:collapse}h2{font-size:1.1em;margin-top:2em}"
        "td,th{padding:.3em .8em;border-bottom:1px solid #ccc;text-align:right}"
        "td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}table.scores tr:first-child td{font-weight:bold}"
    )
    body = flat.to_html(index=False, border=0, classes="scores", float_format=lambda number: f"{number:.4g}")
    for title, frame in others:
        table = frame.to_html(index=False, border=0, float_format=lambda number: f"{number:.4g}")
        body += f"\n<h2>{title}</h2>\n{table}"
    return f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><style>{style}</style>\n{body}\n</html>\n'
