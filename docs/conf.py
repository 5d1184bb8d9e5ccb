"""How the site is built: ``make docs``, into ``build/docs``; warnings are errors."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "_extensions")]

from sphinx_gallery.sorting import ExplicitOrder  # noqa: E402

import fastml  # noqa: E402

project = "fastml"
author = "the fastml developers"
copyright = author  # noqa: A001 (Sphinx's name)
release = version = fastml.__version__

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "site_pages",
    "docstrings",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["_extensions", "_static", "generated/differences.md"]
suppress_warnings = ["config.cache"]  # the gallery's order is a function
nitpicky = False

myst_enable_extensions = ["attrs_block"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # numpydoc sections say the types in words, shapes included
numpydoc_show_class_members = False  # site_pages lists them, ours apart from scikit-learn's
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "generated/gallery",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"(^|/)(?!plot_)[^/]*\.py$",  # scripts that take arguments are no pages
    "within_subsection_order": ExplicitOrder(
        [
            "plot_colours.py",
            "plot_kmeans_steps.py",
            "plot_elbow.py",
            "plot_vanishing_gradient.py",
            "plot_boundaries.py",
            "plot_forest.py",
            "plot_flights.py",
            "plot_neighbours.py",
            "plot_naive_bayes.py",
            "plot_ridge.py",
            "plot_far_from_the_origin.py",
            "plot_larger_than_memory.py",
            "*",
        ]
    ),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1000,
    "write_computation_times": False,
    "image_srcset": ["2x"],
    "capture_repr": (),
    "nested_sections": False,
}
# What an example warns of is an error here as in the tests.
warnings.filterwarnings("error", module=r"fastml|__main__")

html_theme = "pydata_sphinx_theme"
html_title = f"fastml {release}"
html_static_path = ["_static"]
html_css_files = ["fastml.css"]
html_copy_source = False
html_show_sourcelink = False
_ALONE = (
    "index", "start", "coming_from_scikit_learn", "production", "guarantees", "how_it_works",
    "generated/results",
)  # fmt: skip
html_sidebars: dict[str, list[str]] = {page: [] for page in _ALONE}
html_theme_options = {
    "logo": {"text": "fastml"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
}
