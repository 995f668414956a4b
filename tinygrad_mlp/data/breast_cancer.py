"""The breast-cancer table: 569 masses, 30 measurements of the cell nuclei of each, and whether it was malignant.

Breast Cancer Wisconsin (Diagnostic), W. Wolberg, O. Mangasarian, N. Street and W. Street, 1995, UCI Machine Learning
Repository, https://doi.org/10.24432/C5DW2B, licence CC BY 4.0. `breast_cancer.txt`, beside the table, says what was
changed.
"""

from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path

from tinygrad_mlp.data.column_roles import assign_roles
from tinygrad_mlp.data.csv_text import CsvText
from tinygrad_mlp.data.reading import table_of
from tinygrad_mlp.data.table import Table

_FILE = "breast_cancer.csv"


def load_breast_cancer() -> Table:
    """The table: features (569, 30), labels 0 for benign (`B`, 357 rows) and 1 for malignant (`M`, 212 rows).

    Ten measurements in three forms: `mean …`, `… error` (standard error) and `worst …` (mean of the three largest);
    lengths and areas in pixels of the image. 78 cells are 0, and mean it. Breast Cancer Wisconsin (Diagnostic),
    W. Wolberg, O. Mangasarian, N. Street, W. Street 1995, UCI, doi 10.24432/C5DW2B, CC BY 4.0.

    >>> import tinygrad_mlp as tg
    >>> tg.data.load_breast_cancer()
    Table('breast_cancer.csv': 569 rows; 30 features; label 'diagnosis': B 357, M 212)
    """
    data = (resources.files(__package__) / _FILE).read_bytes()
    text = CsvText.parse(data, _FILE, header=True)
    return table_of(text, assign_roles(text, label="diagnosis", ids=()))


def breast_cancer_path() -> AbstractContextManager[Path]:
    """A context with the path of the table as a CSV file; of a package in a zip, the file is temporary.

    >>> import tinygrad_mlp as tg
    >>> with tg.data.breast_cancer_path() as path:
    ...     path.name
    'breast_cancer.csv'
    """
    return resources.as_file(resources.files(__package__) / _FILE)
