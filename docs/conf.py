"""Sphinx: Markdown pages, built with warnings as errors (`make docs`)."""

from importlib.metadata import version as version_of

project = "flask_apitokens"
copyright = "2026, flask_apitokens contributors"
author = "flask_apitokens contributors"
release = version_of("flask-apitokens")
version = ".".join(release.split(".")[:2])

extensions = ["myst_parser", "sphinx.ext.autodoc"]
autodoc_member_order = "bysource"
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
# Links to #a-heading, as in the pages of the repository.
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"flask_apitokens {version}"
