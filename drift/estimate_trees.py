"""PURE. A gradient-boosted model as plain arrays, and what it says of rows of inputs.

Why not the library's own object: keeping it would mean a pickle, and reading one may run anything; and a slot
in a process of its own would wait a second for the library before it could ask anything of it. How:
scikit-learn fits; every tree's splits are copied into arrays (`trees_of`); trees are walked here for many
rows at once (`Trees.predict`), and the tests hold that equal to the library's own `predict`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drift.domain import Floats

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

ROWS = 1024
"""So many rows are walked at once: what they need stays in the processor's own memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """A sum of trees under a logarithm: N nodes of all trees, one after the other.

    A node asks whether input `column` is at most `limit`, and leads to `left`, or to `left + 1`; a leaf leads
    to itself. `column` counts the inputs with a missing value as −∞ first, then those with it as +∞.
    """

    column: NDArray[np.int32]
    limit: Floats
    left: NDArray[np.int32]
    value: Floats
    roots: NDArray[np.int32]
    base: float
    depth: int
    inputs: int

    def predict(self, rows: Floats) -> Floats:
        """(R,) what the model expects, above 0, for inputs (R, d), NaN where one is missing.

        Raises:
            ValueError: it was fitted to another number of inputs.
        """
        if rows.ndim != 2 or rows.shape[1] != self.inputs:
            raise ValueError(f"inputs of shape {rows.shape}, of a model of {self.inputs}: not its own")
        found = [self._sums(rows[first : first + ROWS]) for first in range(0, len(rows), ROWS)]
        return np.exp(np.concatenate([np.empty(0), *found]) + self.base)

    def _sums(self, rows: Floats) -> Floats:
        missing = np.isnan(rows)
        low, high = (np.where(missing, way * np.inf, rows) for way in (-1, 1))
        flat = np.concatenate([low, high], axis=1).ravel()
        start = np.arange(len(rows)) * (2 * self.inputs)
        node = np.repeat(self.roots[:, None], len(rows), axis=1)
        for _ in range(self.depth):
            asked = flat[start + self.column[node]]
            node = self.left[node] + (asked > self.limit[node])
        return np.asarray(self.value[node].sum(axis=0))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What to keep of it."""
        return {
            "column": self.column,
            "limit": self.limit,
            "left": self.left,
            "value": self.value,
            "roots": self.roots,
            "shape": np.array([self.base, self.depth, self.inputs]),
        }

    @classmethod
    def of_arrays(cls, kept: dict[str, NDArray[Any]]) -> Trees:
        """That again.

        Raises:
            ValueError: they are no trees: a walk over them would leave them.
        """
        try:
            base, depth, inputs = kept["shape"].tolist()
            made = cls(
                column=kept["column"],
                limit=kept["limit"],
                left=kept["left"],
                value=kept["value"],
                roots=kept["roots"],
                base=float(base),
                depth=int(depth),
                inputs=int(inputs),
            )
            nodes = len(made.column)
            sizes = {len(made.limit), len(made.left), len(made.value)} == {nodes}
            inside = all(
                bool(((each >= 0) & (each < most)).all())
                for each, most in ((made.column, 2 * made.inputs), (made.left, nodes), (made.roots, nodes))
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"a stored estimate holds no trees ({error})") from error
        if not sizes or not inside:
            raise ValueError("a stored estimate holds no trees: they lead out of themselves")
        return made


def trees_of(model: HistGradientBoostingRegressor, inputs: int) -> Trees:
    """The trees of a model that was fitted under a logarithm to numbers of so many inputs.

    Its nodes are the library's own affair (`_predictors`); no other way leads to them.
    """
    parts = [predictor.nodes for stage in model._predictors for predictor in stage]  # noqa: SLF001
    trees = [_ordered(nodes, inputs) for nodes in parts]
    sizes = np.cumsum([0, *(len(tree[0]) for tree in trees)])
    column, limit, left, value = (np.concatenate(part) for part in zip(*(t[:4] for t in trees), strict=True))
    shift = np.repeat(sizes[:-1], np.diff(sizes))
    return Trees(
        column=column.astype(np.int32),
        limit=limit,
        left=(left + shift).astype(np.int32),
        value=value,
        roots=sizes[:-1].astype(np.int32),
        base=float(np.ravel(model._baseline_prediction)[0]),  # noqa: SLF001
        depth=max(tree[4] for tree in trees),
        inputs=inputs,
    )


def _ordered(nodes: NDArray[Any], inputs: int) -> tuple[Floats, Floats, Floats, Floats, int]:
    """Column, limit, left and value of one tree, its nodes so that siblings stand together; and its depth."""
    order = [0]
    for at in order:  # which grows on the way
        if not nodes["is_leaf"][at]:
            order += [int(nodes["left"][at]), int(nodes["right"][at])]
    place = np.zeros(len(nodes), np.int64)
    place[order] = np.arange(len(order))
    some = nodes[order]
    leaf = some["is_leaf"].astype(np.bool_)
    to_right = ~some["missing_go_to_left"].astype(np.bool_)
    # a split into what is there and what is missing has the limit ∞, which a missing value is to exceed
    limit = np.minimum(some["num_threshold"], np.finfo(np.float64).max)
    return (
        np.where(leaf, 0, some["feature_idx"] + inputs * to_right),
        np.where(leaf, np.inf, limit),
        np.where(leaf, np.arange(len(order)), place[some["left"]]),
        np.where(leaf, some["value"], 0.0),
        int(nodes["depth"].max()),
    )
