"""How Sphinx builds the site: `make docs`.

The source folder is the whole checkout, so that a link between files of the repository is the same link on the site.
Nothing is executed, nothing is fetched, and a page needs no network: formulas are MathML, made here.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs"), str(ROOT / "tests")]

project = "tinygrad_mlp"
author = "the authors of tinygrad_mlp"
root_doc = "docs/index"
include_patterns = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/**", "notebooks/**", "examples/**"]
exclude_patterns = [
    ".*",
    "**/.*",
    "build",
    "dist",
    "docs/*.py",
    "docs/sphinx_site",
    "tests",
    "tinygrad_mlp",
    "benchmarks",
]
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_site.commands",
    "sphinx_site.docstrings",
    "sphinx_site.example_pages",
    "sphinx_site.galleries",
    "sphinx_site.gradients",
    "sphinx_site.mathml",
    "sphinx_site.pages_of_the_repository",
    "sphinx_site.public_names",
    "sphinx_site.source_pages",
]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb", ".py": "example"}
nitpicky = True
nitpick_ignore_regex = [  # types of NumPy's and Python's, of which no inventory is at hand; code that is no name
    ("py:class", ".*"),
    ("py:exc", ".* .*"),  # `ShapeError and others:` under Raises
    ("code", ".*"),
]

# Markdown and notebooks
nb_execution_mode = "off"  # what is shown is what was committed; the tests run the notebooks
nb_mime_priority_overrides = [("html", "image/svg+xml", 5), ("html", "text/html", 10)]
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "dollarmath", "fieldlist", "html_image"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

# Docstrings
default_role = "code_or_name"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 96
toc_object_entries_show_parents = "hide"
viewcode_follow_imported_members = True

# The pages
html_theme = "furo"
html_title = "tinygrad_mlp"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
pygments_style = "friendly"
pygments_dark_style = "native"
