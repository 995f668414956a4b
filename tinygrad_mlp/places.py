"""Where a piece of code stands, for messages."""

from __future__ import annotations

import sys
from typing import Any


def notebook_cell(filename: str) -> str:
    """`In[3]` for the file name that IPython gave to the third cell, which means nothing to a reader; "" for a file."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    named: tuple[str, str] | None = shell.compile.format_code_name(filename) if shell else None
    return named[1] if named else ""
