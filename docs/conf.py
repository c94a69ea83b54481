"""How Sphinx makes the site: `make docs` builds it into docs/_build/html."""

from __future__ import annotations

import os
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))
sys.path.insert(0, str(HERE.parent))  # circuits/, and the package of this clone
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # what cells call by `!`
os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # notebooks' kernels warn of frozen modules otherwise

project = "pcneuro"
author = "The pcneuro developers"
copyright = "the pcneuro developers, MIT licence"
version = release = runpy.run_path(str(HERE.parent / "pcneuro" / "version.py"))["__version__"]

extensions = [
    "myst_nb",
    "mathml",
    "notebooks",
    "reference",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_extensions", "_templates", "**/.ipynb_checkpoints"]
nitpicky = False  # references to functions of other libraries have no inventory without a network

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 4
myst_dmath_double_inline = True

# Tutorials are notebooks written as text. They run when the site is made; one that has not changed is not run again.
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "notebooks")
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 240
nb_execution_excludepatterns = [] if find_spec("torch") else ["tutorials/from_pytorch.md"]
nb_merge_streams = True
suppress_warnings = ["myst-nb.lexer"]  # of cells, where notebooks are not run

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "furo"
html_math_renderer = "mathml"
html_title = f"pcneuro {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
copybutton_exclude = ".linenos, .gp, .go"
linkcheck_anchors = False
