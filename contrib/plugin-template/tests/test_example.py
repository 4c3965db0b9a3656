"""The component keeps its contract, and the plugin module is quick to import."""

import subprocess
import sys

from dreamclean_example.interlaced import Interlaced

from dreamclean.testing import LinearOperatorSuite


class TestInterlaced(LinearOperatorSuite):
    component = Interlaced()


class TestLowerField(LinearOperatorSuite):
    component = Interlaced(first=1)


def test_plugin_module_is_thin():
    code = "import sys, dreamclean_example; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
