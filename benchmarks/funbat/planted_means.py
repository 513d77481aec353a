"""Bands of points, areas, periods and the whole domain on planted fields: coverage and squared standardised errors.

``python benchmarks/funbat/planted_means.py [--rows 150] [--rank 2] [--fields 24] [--residual none] [--first 0]``

Fields are a product and two main effects of random waves, 0.3 noise, so that rank 2 can hold them; 90 % bands are from
200 joint draws on 12 x 12 cells. Prints the share of means inside and the mean squared error in units of the band's.

Measured: see docs/decisions/048-means-at-few-rows.md.
"""

import argparse

import numpy as np

from polyadic import FunctionalTucker
from polyadic.methods.funbat.averages import averages


def planted(seed: int, rows: int):
    """Return rows, values and the noise-free field."""
    rng = np.random.default_rng(seed)
    waves = [(rng.normal(0, 0.5, (60, 1)), rng.uniform(0, 2 * np.pi, 60)) for _ in range(4)]

    def function(number: int, x: np.ndarray) -> np.ndarray:
        wave, phase = waves[number]
        return np.sqrt(2 / 60) * np.cos(x[:, None] * wave.T + phase).sum(axis=1)

    def field(X: np.ndarray) -> np.ndarray:
        x, t = X.T
        return function(0, x) * function(1, t) + 0.7 * function(2, x) + 0.7 * function(3, t)

    X = rng.uniform(0, 10, (rows, 2))
    return X, field(X) + 0.3 * rng.normal(size=rows), field


class Drawn:
    """Joint draws of all cells, made once for all groupings of these."""

    def __init__(self, model: FunctionalTucker, cells: np.ndarray, seed: int) -> None:
        self.draws = model.sample(cells, 200, seed)

    def sample(self, cells: np.ndarray, count: int, seed: int) -> np.ndarray:
        """Return them; ``seed`` chose them."""
        del cells, seed
        return self.draws[:count]


def main() -> None:
    """Fit the fields and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--rank", type=int, default=2)
    parser.add_argument("--fields", type=int, default=24)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--residual", default="none")
    args = parser.parse_args()
    side = np.linspace(0, 10, 12)
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    area = (grid[:, 0] // 3.4).astype(int) * 3 + (grid[:, 1] // 3.4).astype(int)
    groups = {"points": np.arange(144), "areas": area, "periods": area % 3, "domain": 0 * area}
    inside, square = {name: [] for name in groups}, {name: [] for name in groups}
    for seed in range(args.first, args.first + args.fields):
        X, y, field = planted(seed, args.rows)
        model = FunctionalTucker(rank=args.rank, residual=args.residual).fit(X, y)
        model = Drawn(model, grid, seed)
        for name, label in groups.items():
            found = averages(model, grid, label, n=200, seed=seed)
            truth = np.array([field(grid)[label == g].mean() for g in found.groups])
            inside[name].append(np.mean((found.lower <= truth) & (truth <= found.upper)))
            square[name].append(np.mean(((truth - found.mean) / found.standard_error) ** 2))
    print(f"{args.rows} rows, rank {args.rank}, residual {args.residual}, {args.fields} fields: coverage of 90 % bands")
    for name in groups:
        share, error = np.mean(inside[name]), np.std(inside[name]) / args.fields**0.5
        print(f"  {name:10s}{share:.3f} +- {error:.3f}   squared standardised error {np.mean(square[name]):.2f}")


if __name__ == "__main__":
    main()
