"""The component keeps its contract, and the plugin module is quick to import."""

import subprocess
import sys

from dreamclean.testing import {{ cookiecutter.__suite }}
from {{ cookiecutter.__module }}.component import {{ cookiecutter.__class }}


class Test{{ cookiecutter.__class }}({{ cookiecutter.__suite }}):
    component = {{ cookiecutter.__class }}()


def test_plugin_module_is_thin() -> None:
    code = "import sys, {{ cookiecutter.__module }}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
