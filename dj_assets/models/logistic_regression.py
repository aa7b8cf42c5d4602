"""Logistic regression on shares between 0 and 1, over sparse rows that each sum to 1. NumPy alone, one thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
Objective = Callable[[Doubles], tuple[float, Doubles]]

_MEMORY, _ROUNDS, _HALVINGS = 8, 40, 20
_SUFFICIENT, _FLAT = 1e-4, 1e-6
_LEAST_SHARE = 0.01


@dataclass(frozen=True)
class SparseRows:
    """Hold rows of shares: row `i` has `shares[starts[i]:starts[i + 1]]` in the given columns, and at least one."""

    starts: Int64s
    columns: Int64s
    shares: Doubles
    width: int

    @classmethod
    def of(cls, rows: Sequence[Int64s], width: int) -> SparseRows:
        """Return rows of columns that count as often as they occur."""
        counted = [np.unique(row, return_counts=True) for row in rows]
        starts = np.cumsum([0, *(len(columns) for columns, _ in counted)])
        shares = [counts / counts.sum() for _, counts in counted]
        return cls(starts, np.concatenate([columns for columns, _ in counted]), np.concatenate(shares), width)

    def means(self) -> Doubles:
        """Return the mean share of every column, shape `(width,)`."""
        return np.bincount(self.columns, self.shares, self.width) / (len(self.starts) - 1)

    def scaled(self, scale: Doubles) -> SparseRows:
        """Return the rows with every column multiplied by its scale."""
        return SparseRows(self.starts, self.columns, self.shares * scale[self.columns], self.width)

    def times(self, weights: Doubles) -> Doubles:
        """Return the product with one weight a column, shape `(rows,)`."""
        return np.add.reduceat(self.shares * weights[self.columns], self.starts[:-1])

    def transposed_times(self, values: Doubles) -> Doubles:
        """Return the product of the transposed rows with one value a row, shape `(width,)`."""
        spread = np.repeat(values, np.diff(self.starts))
        return np.bincount(self.columns, self.shares * spread, self.width).astype(np.float64, copy=False)


def regularised(rows: SparseRows, targets: Doubles, penalties: Sequence[float]) -> Iterator[Doubles]:
    """Yield one summand to the logit for each column, for every penalty: from the strongest to the weakest.

    Columns are scaled by the root of their mean share, as in correspondence analysis, so that the penalty weighs rare
    and frequent words alike. The constant is part of every summand, since shares sum to 1. A column that no row has
    gets the constant alone.

    Parameters
    ----------
    rows
        The samples.
    targets
        The shares to learn, from 0 to 1, shape `(rows,)`.
    penalties
        Weights of half the sum of squares, in descending order.
    """
    used, columns = np.unique(rows.columns, return_inverse=True)
    narrow = SparseRows(rows.starts, columns, rows.shares, len(used))
    scale = 1 / np.sqrt(narrow.means())
    scaled = narrow.scaled(scale)
    share = float(np.clip(targets.mean(), _LEAST_SHARE, 1 - _LEAST_SHARE))
    start = np.append(np.zeros(len(used)), np.log(share / (1 - share)))
    for penalty in penalties:
        start = _minimum(_cross_entropy(scaled, targets, penalty), start)
        weights = np.full(rows.width, start[-1])
        weights[used] += start[:-1] * scale
        yield weights


def probabilities(logits: Doubles) -> Doubles:
    """Return the logistic function."""
    return 0.5 * (1 + np.tanh(0.5 * logits))


def cross_entropy(logits: Doubles, targets: Doubles) -> float:
    """Return the mean cross entropy of shares and the probabilities of logits."""
    return float(np.mean(np.logaddexp(0, logits) - targets * logits))


def _cross_entropy(rows: SparseRows, targets: Doubles, penalty: float) -> Objective:
    def value_and_gradient(weights: Doubles) -> tuple[float, Doubles]:
        logits = rows.times(weights[:-1]) + weights[-1]
        apart = (probabilities(logits) - targets) / len(targets)
        value = cross_entropy(logits, targets) + 0.5 * penalty * _product(weights[:-1], weights[:-1])
        return value, np.append(rows.transposed_times(apart) + penalty * weights[:-1], apart.sum())

    return value_and_gradient


def _minimum(objective: Objective, weights: Doubles) -> Doubles:
    """Return the minimum of a convex function by L-BFGS with backtracking (Nocedal and Wright 2006, algorithm 7.5)."""
    value, gradient = objective(weights)
    steps: deque[tuple[Doubles, Doubles]] = deque(maxlen=_MEMORY)
    for _ in range(_ROUNDS):
        direction = -_direction(gradient, steps)
        slope = _product(gradient, direction)
        if slope > -(_FLAT**2) or np.abs(gradient).max() < _FLAT:
            break
        length = 1.0
        for _ in range(_HALVINGS):
            moved = weights + length * direction
            new_value, new_gradient = objective(moved)
            if new_value <= value + _SUFFICIENT * length * slope:
                break
            length /= 2
        else:
            break
        if _product(moved - weights, new_gradient - gradient) > 0:
            steps.append((moved - weights, new_gradient - gradient))
        weights, value, gradient = moved, new_value, new_gradient
    return weights


def _direction(gradient: Doubles, steps: Sequence[tuple[Doubles, Doubles]]) -> Doubles:
    """Return the gradient times the inverse of the curvature that the last steps had."""
    direction = gradient.copy()
    used = []
    for step, change in reversed(steps):
        part = _product(step, direction) / _product(step, change)
        direction -= part * change
        used.append(part)
    if steps:
        step, change = steps[-1]
        direction *= _product(step, change) / _product(change, change)
    for (step, change), part in zip(steps, reversed(used), strict=True):
        direction += (part - _product(change, direction) / _product(step, change)) * step
    return direction


def _product(first: Doubles, second: Doubles) -> float:
    """Return the inner product; its order of additions does not depend on the number of threads."""
    return float((first * second).sum())
