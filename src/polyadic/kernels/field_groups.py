"""Rows in groups that share one draw of a Gaussian field: learned on some groups, kriged group by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from polyadic.kernels.gaussian_field import Field, Group, Sites, learn
from polyadic.kernels.matern_products import Floats, Integers

LEARNED_GROUPS = 48
LEARNED_ROWS = 400
SMALLEST_GROUP = 5


@dataclass(frozen=True, eq=False)
class Groups:
    """Positions of the train rows and of the test rows of every group (time stamp, calendar month)."""

    train: list[Integers]
    test: list[Integers]

    @classmethod
    def by(cls, train: Integers, test: Integers) -> Self:
        """Return the groups of train and test rows by a number that each carries.

        Examples
        --------
        >>> [rows.tolist() for rows in Groups.by(np.array([1, 0, 1]), np.array([1])).train]
        [[1], [0, 2]]
        """
        size = 1 + int(max(train.max(initial=0), test.max(initial=0)))
        return cls(_positions(train, size), _positions(test, size))

    def learn(
        self, here: Sites, residual: Floats, seed: int, start: Field | None = None, count: int = LEARNED_GROUPS
    ) -> Field:
        """Return the field learned on ``count`` groups of at least five rows (the largest where none has five)."""
        size = np.array([len(rows) for rows in self.train])
        enough = np.flatnonzero(size >= min(SMALLEST_GROUP, size.max()))
        chosen = np.sort(np.random.default_rng(seed).permutation(enough)[:count])
        field = learn([self._some(here, residual, None, number) for number in chosen], start)
        return field.matched(here, residual)

    def learn_chosen(
        self, here: Sites, residual: Floats, weight: Floats, chosen: Sequence[int], start: Field | None = None
    ) -> Field:
        """Return the field learned on the groups of the given numbers, or on all where those have no rows."""
        some = [number for number in chosen if number < len(self.train) and len(self.train[number])]
        some = some or [number for number, rows in enumerate(self.train) if len(rows)]
        return learn([self._some(here, residual, weight, number) for number in some], start)

    def krige(
        self, field: Field, here: Sites, residual: Floats, there: Sites, weight: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Return the posterior mean and variance of the noise-free field at the test rows, group by group."""
        mean, variance = np.zeros(len(there.trend)), np.zeros(len(there.trend))
        for number, rows in enumerate(self.test):
            if len(rows):
                group = self._group(here, residual, weight, number)
                mean[rows], variance[rows] = field.krige(group, there.take(rows))
        return mean, variance

    def leave_one_out(self, field: Field, here: Sites, residual: Floats) -> tuple[Floats, Floats]:
        """Return the residual of every train row from the kriging of the others of its group, and its variance."""
        left, variance = residual.copy(), field.prior_variance(here) + field.noise
        for number, rows in enumerate(self.train):
            if len(rows) > 1:
                left[rows], variance[rows] = field.leave_one_out(self._group(here, residual, None, number))
        return left, variance

    def _some(self, here: Sites, residual: Floats, weight: Floats | None, number: int) -> Group:
        """Return the group, thinned evenly to 400 rows: enough to learn from."""
        rows = self.train[number]
        step = max(1, -(-len(rows) // LEARNED_ROWS))
        return Groups([rows[::step]], [])._group(here, residual, weight, 0)

    def _group(self, here: Sites, residual: Floats, weight: Floats | None, number: int) -> Group:
        rows = self.train[number]
        return Group(here.take(rows), residual[rows], np.ones(len(rows)) if weight is None else weight[rows])


def _positions(label: Integers, size: int) -> list[Integers]:
    order = np.argsort(label, kind="stable")
    return np.split(order, np.cumsum(np.bincount(label, minlength=size))[:-1])
