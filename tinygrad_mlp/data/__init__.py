"""Data for a network: tables from CSV files, their split, scaling and mini-batches, and the breast-cancer table."""

from tinygrad_mlp.data.batching import batches
from tinygrad_mlp.data.breast_cancer import breast_cancer_path, load_breast_cancer
from tinygrad_mlp.data.column_roles import ColumnReference
from tinygrad_mlp.data.reading import read_csv
from tinygrad_mlp.data.same_rows import Fingerprint, shared_rows
from tinygrad_mlp.data.scaling import StandardScaler
from tinygrad_mlp.data.split_files import SplitFiles, split_csv
from tinygrad_mlp.data.splitting import folds, split, split_indices
from tinygrad_mlp.data.table import Table

__all__ = [
    "ColumnReference",
    "Fingerprint",
    "SplitFiles",
    "StandardScaler",
    "Table",
    "batches",
    "breast_cancer_path",
    "folds",
    "load_breast_cancer",
    "read_csv",
    "shared_rows",
    "split",
    "split_csv",
    "split_indices",
]


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
