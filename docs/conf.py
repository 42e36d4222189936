"""How Sphinx builds these pages: ``make docs``; nothing is fetched from anywhere."""

import importlib.metadata

project = "synthaudit"
author = "The synthaudit maintainers"
copyright = "the synthaudit maintainers, Apache-2.0"  # noqa: A001 - Sphinx reads this name
release = importlib.metadata.version("synthaudit-images")

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3
# Console blocks hold commands and what they print; a colour for every word of it helps nobody.
highlight_language = "none"

html_theme = "furo"
html_title = f"synthaudit {release}"
html_static_path: list[str] = []
html_copy_source = False
html_show_sphinx = False
