"""What may come in, without a server."""

from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from dreamclean_app.limits import Limits

testclient = pytest.importorskip("starlette.testclient", reason="starlette comes with gradio: make test-app")
bodies = pytest.importorskip("dreamclean_app.web.bodies")
Usage = namedtuple("Usage", "total used free")


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the body."""
    from starlette.requests import Request
    from starlette.responses import Response

    await Response(await Request(scope, receive).body())(scope, receive, send)


@pytest.fixture
def client(tmp_path: Path) -> Any:
    return testclient.TestClient(bodies.Bodies(echo, Limits(), tmp_path))


def test_bodies_hand_on_what_they_looked_at(client: Any, tmp_path: Path) -> None:
    good = {"data": [{"path": str(tmp_path / "a" / "b.png"), "meta": {"_type": "gradio.FileData"}}, {"path": "name"}]}
    assert client.post("/x", json=good).json() == good
    assert client.post("/x", content=b"no json").content == b"no json"


@pytest.mark.parametrize("path", ["../a.png", "/etc/passwd", "", "a\x00b", "x" * 10_000, "~/a.png"])
def test_bodies_refuse_files_that_were_not_uploaded(client: Any, tmp_path: Path, path: str) -> None:
    for given in (path, f"{tmp_path}/../{path}"):
        answer = client.post("/x", json={"a": [{"b": {"path": given, "meta": {}}}]})
        assert answer.status_code == 400 and "upload it first" in answer.text


def test_bodies_refuse_links_that_lead_elsewhere(client: Any, tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to("/etc/hostname")
    assert client.post("/x", json={"path": str(tmp_path / "link.png"), "meta": {}}).status_code == 400


@pytest.mark.parametrize("address", ["http://x/a", " HTTPS://x/a", "ftp://x/a", "file:///etc/passwd"])
def test_bodies_refuse_addresses(client: Any, address: str) -> None:
    assert client.post("/x", json={"path": address}).status_code == 400


def test_bodies_refuse_uploads_where_the_disk_is_full(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"files": ("a.png", b"x" * 1000)}
    assert client.post("/x", files=files).status_code == 200
    monkeypatch.setattr(bodies.shutil, "disk_usage", lambda path: Usage(1, 1, 500_000_500))
    assert client.post("/x", files=files).status_code == 507
