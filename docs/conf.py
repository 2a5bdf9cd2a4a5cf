"""Configuration of the site, which ``nox -s docs`` builds; its own directives are in docs/_ext."""

from __future__ import annotations

import sys
from pathlib import Path

import isacfw

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER / "_ext"))

project = "isacfw"
author = "The isacfw developers"
copyright = author  # noqa: A001
version = release = isacfw.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "isacfw_site",
]
exclude_patterns = ["_build", "_ext"]

# Every page of the repository is a page of the site, at the same place.
myst_enable_extensions = ["dollarmath", "deflist", "colon_fence"]
myst_heading_anchors = 4
html_math_renderer = "mathml"

nitpicky = True
# Docstrings name private modules, classes and attributes too, which have no page; public names must exist.
nitpick_ignore_regex = [
    ("py:.*", r"(?!isacfw\b).*"),
    ("py:.*", r"isacfw\.(?!simulation|testing|validators)[a-z_]+\..*"),
    ("py:.*", r"isacfw_plugins\..*"),
    ("py:attr", r"isacfw\.[A-Z]\w+\.\w+"),
]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_title = f"isacfw {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_context = {"default_mode": "auto"}
html_sidebars = {"five_minutes": [], "concepts": []}
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "filename_pattern": "/plot_",
    "image_scrapers": ("isacfw_site.gallery.scrape",),
    "capture_repr": ("_repr_html_", "__str__"),
    "ignore_repr_types": r"matplotlib",
    "nested_sections": False,
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "write_computation_times": False,
    "remove_config_comments": True,
    "thumbnail_size": (420, 280),
}
