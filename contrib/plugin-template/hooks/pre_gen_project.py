"""Refuse what Python or DreamClean could not read."""

import keyword
import re
import sys

name, component, summary = {{ cookiecutter.name | tojson }}, {{ cookiecutter.__class | tojson }}, {{ cookiecutter.summary | tojson }}
taken = {"Any", "Codec", "Mapping", "Noise", "Predict", "Sequence"}  # by imports of the component's file
if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or keyword.iskeyword(component) or component in taken:
    sys.exit(f"error: a component cannot be named '{name}'; write small letters, digits and hyphens, as in lens-flare")
if {'"', "\\", "\n"} & set(summary) or not summary.strip("."):
    sys.exit("error: the summary is one line, without double quotes and backslashes")
