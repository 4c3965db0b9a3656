"""No test reads the user's own settings."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DREAMCLEAN_CONFIG", str(tmp_path_factory.mktemp("settings") / "none.toml"))
        yield
