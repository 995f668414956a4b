"""The whole table: the rows of every theme, read in order."""

from __future__ import annotations

from ops import (
    table_matrices,
    table_networks,
    table_products,
    table_selection,
    table_shapes,
    table_statistics,
    table_ufuncs,
)
from ops.table import TABLE, Case, cases

__all__ = [
    "TABLE",
    "Case",
    "cases",
    "table_matrices",
    "table_networks",
    "table_products",
    "table_selection",
    "table_shapes",
    "table_statistics",
    "table_ufuncs",
]
