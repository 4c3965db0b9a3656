"""The command is there without Ray, and says what is missing."""

import subprocess
import sys

import pytest

from dreamclean.cli.main import main


def test_ray_is_not_imported_for_help() -> None:
    code = (
        "import sys; sys.argv = ['dreamclean', 'ray', 'restore', '--help']\n"
        "from dreamclean.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        "assert 'dreamclean_ray.cli' in sys.modules\n"
        "heavy = {'ray', 'pyarrow', 'fsspec', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "--address" in run.stdout and "--operator" in run.stdout


def test_restore_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("dreamclean_ray.cli.find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["dreamclean", "ray", "restore", "photos", "clean"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "ray is not there; install it with pip install dreamclean-ray" in capsys.readouterr().err
