"""Configure the site, which `make docs` builds without network access."""

from __future__ import annotations

import sys
from pathlib import Path

import livestream_core

HERE = Path(__file__).parent
sys.path[:0] = [
    str(folder)
    for folder in (
        HERE / "_extensions",
        HERE.parent / "scripts",
        HERE.parent / "tests" / "support",
        HERE.parent,
    )
]

project = "livestream-core"
author = "the authors of livestream-core"
copyright = author
version = release = livestream_core.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "from_the_code",
]

# -- pages ----------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_extensions"]
# Keep quotes and dashes as they are typed, because most of them are in commands.
smartquotes = False

# -- the reference --------------------------------------------------------------------------

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autoclass_content = "class"
napoleon_numpy_docstring = False
napoleon_use_ivar = False
python_use_unqualified_type_names = True
python_display_short_literal_types = True
python_maximum_signature_line_length = 88
add_module_names = False

# Links into other projects would need a request to each project during the build.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!livestream_).*"),
    (r"py:(obj|class)", r"livestream_core\.[\w.]+\.[A-Z]"),  # type variables
    (r"py:class", r"livestream_core\._engine\..*"),  # not listed in the reference
    (
        r"py:class",
        r"livestream_core\._model\.errors\._Context",
    ),  # LiveStreamError documents all of it
    (
        r"py:class",
        r"livestream_core\.testing\.captures\.CapturedCall",
    ),  # documented as the file format
]

# -- appearance -----------------------------------------------------------------------------

html_theme = "furo"
pygments_dark_style = "a11y-high-contrast-dark"
html_title = f"livestream-core {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
copybutton_prompt_text = r"\$ |> "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
