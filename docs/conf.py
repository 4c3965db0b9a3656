"""The documentation site: ``make docs`` builds it from the repository as it lies there, without a network."""

import sys
from pathlib import Path

import dreamclean

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "_site")]

project = "DreamClean"
author = copyright = "The DreamClean authors"
release = version = dreamclean.__version__

extensions = [
    "sphinx_external_toc",
    "myst_parser",
    "sphinx.ext.githubpages",
    "sphinx_gallery.gen_gallery",
    "component_pages",
    "repository_links",
]
external_toc_path = "docs/_toc.yml"
include_patterns = ["docs/**", "plugins/*/README.md", "contrib/*/*.md", "*.md"]
exclude_patterns = [
    "docs/gallery",
    "README.md",
    "docs/generated/gallery/*.py",
    "docs/generated/gallery/*.ipynb",
]
suppress_warnings = ["etoc.toctree"]  # the gallery's own list of pages

myst_heading_anchors = 6
myst_enable_extensions = ["attrs_block"]

html_theme = "furo"
html_title = f"{project} {release}"
html_copy_source = False
html_static_path = ["_site/static"]
html_favicon = "_site/static/icon.svg"
html_css_files = ["site.css"]
html_theme_options = {"top_of_page_buttons": []}

sphinx_gallery_conf = {
    "examples_dirs": "docs/gallery",
    "gallery_dirs": "docs/generated/gallery",
    "ignore_pattern": "panels",
    "within_subsection_order": "FileNameSortKey",
    "reset_modules": ("matplotlib", "figures.neutral"),
    "image_srcset": ["2x"],
    "show_memory": False,
    "write_computation_times": False,
    "show_signature": False,
    "download_all_examples": False,
    "abort_on_example_error": True,
}
