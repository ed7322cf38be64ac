"""A matrix product with few additions: a sum that occurs in several rows is computed once."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Sums:
    """How to apply a matrix to a list of terms.

    Args:
        steps: Triples (i, j, s). Each appends term i + s · term j to the list, where s is 1 or -1.
        rows: For each row of the matrix, pairs of a place in that list and a weight.
    """

    steps: tuple[tuple[int, int, int], ...]
    rows: tuple[tuple[tuple[int, float], ...], ...]

    @property
    def additions(self) -> int:
        """How many additions and subtractions it takes."""
        return len(self.steps) + sum(max(len(row) - 1, 0) for row in self.rows)


def added_up(sums: Sums, terms: Sequence) -> list:
    """The products of the matrix of `sums` with terms, which are numbers, arrays or tensors."""
    terms = list(terms)
    for i, j, sign in sums.steps:
        terms.append(terms[i] + terms[j] if sign > 0 else terms[i] - terms[j])
    return [weighted_sum([(weight, terms[i]) for i, weight in row]) for row in sums.rows]


def weighted_sum(pairs: Sequence[tuple[float, Any]]) -> Any:
    """Σ weight · term, with no product for 1 and -1; 0 where there are no pairs."""
    # What is subtracted comes last, so that nothing is negated.
    ordered = [p for p in pairs if p[0] > 0] + [p for p in pairs if p[0] < 0]
    total = 0
    for number, (weight, term) in enumerate(ordered):
        term = term if abs(weight) == 1 else abs(weight) * term
        if number == 0:
            total = term if weight > 0 else -term
        else:
            total = total + term if weight > 0 else total - term
    return total


def shared_sums(matrix: ArrayLike) -> Sums:
    """The `Sums` of a matrix `(rows, terms)`.

    A pair of terms whose sum or difference occurs in several rows becomes a term itself. Those that
    save most come first, until there are none. For a matrix of characters the result is a fast
    Fourier transform, which adds and subtracts by halves.
    """
    matrix = np.asarray(matrix, float)
    sizes = np.append(0.0, np.abs(matrix))
    _, places, labels = np.unique(np.round(sizes, 9), return_index=True, return_inverse=True)
    sizes = sizes[places]  # as they were before they were rounded
    labels = labels[1:].reshape(matrix.shape) * np.sign(matrix).astype(int)  # of 0 it is 0
    steps: list[tuple[int, int, int]] = []
    while pairs := _disjoint(_savings(labels)):
        for (i, j), sign in itertools.product(pairs, (1, -1)):
            both = np.flatnonzero((labels[:, i] != 0) & (labels[:, j] == sign * labels[:, i]))
            if len(both) > 1:
                term = np.zeros((len(labels), 1), int)
                term[both, 0] = labels[both, i]
                labels[both, i] = labels[both, j] = 0
                labels = np.concatenate([labels, term], axis=1)
                steps.append((i, j, sign))
    rows = [
        tuple((int(i), float(np.sign(row[i]) * sizes[abs(row[i])])) for i in np.flatnonzero(row))
        for row in labels
    ]
    return Sums(tuple(steps), tuple(rows))


def _savings(labels):
    """How many additions each pair of terms would save, `(terms, terms)`."""
    same = np.zeros((labels.shape[1],) * 2, int)
    opposite = same.copy()
    for size in np.unique(np.abs(labels[labels != 0])):
        plus, minus = (labels == size).astype(int), (labels == -size).astype(int)
        same += plus.T @ plus + minus.T @ minus
        opposite += plus.T @ minus + minus.T @ plus
    return np.triu(np.maximum(same - 1, 0) + np.maximum(opposite - 1, 0), 1)


def _disjoint(savings):
    """Pairs that save something, each term in one of them, those that save most first."""
    chosen, taken = [], set()
    for place in np.argsort(-savings, axis=None, kind="stable"):
        i, j = map(int, np.unravel_index(place, savings.shape))
        if savings[i, j] == 0:
            break
        if not {i, j} & taken:
            chosen.append((i, j))
            taken |= {i, j}
    return chosen
