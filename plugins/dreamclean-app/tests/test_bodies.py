"""What may come in, without a server."""

import asyncio
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from dreamclean_app.limits import Limits

testclient = pytest.importorskip("starlette.testclient", reason="starlette comes with gradio: make test-app")
bodies = pytest.importorskip("dreamclean_app.web.bodies")
JOIN, UPLOAD = "/gradio_api/queue/join", "/gradio_api/upload"
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
    assert client.post(JOIN, json=good).json() == good
    assert client.post(JOIN, content=b"no json").content == b"no json"


@pytest.mark.parametrize("path", ["../a.png", "/etc/passwd", "", "a\x00b", "x" * 10_000, "~/a.png"])
def test_bodies_refuse_files_that_were_not_uploaded(client: Any, tmp_path: Path, path: str) -> None:
    for given in (path, f"{tmp_path}/../{path}"):
        answer = client.post(JOIN, json={"a": [{"b": {"path": given, "meta": {}}}]})
        assert answer.status_code == 400 and "upload it first" in answer.text


def test_bodies_refuse_links_that_lead_elsewhere(client: Any, tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to("/etc/hostname")
    assert client.post(JOIN, json={"path": str(tmp_path / "link.png"), "meta": {}}).status_code == 400


def test_bodies_refuse_more_than_one_layer(client: Any) -> None:
    canvas = {"background": None, "layers": [{"path": "a"}, {"path": "b"}], "composite": None}
    assert client.post(JOIN, json={"data": [1, canvas]}).status_code == 400
    assert client.post(JOIN, json={"data": [1, {**canvas, "layers": canvas["layers"][:1]}]}).status_code == 200


@pytest.mark.parametrize("address", ["http://x/a", " HTTPS://x/a", "ftp://x/a", "file:///etc/passwd"])
def test_bodies_refuse_addresses(client: Any, address: str) -> None:
    assert client.post(JOIN, json={"path": address}).status_code == 400


def test_bodies_refuse_uploads_where_the_disk_is_full(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"files": ("a.png", b"x" * 1000)}
    assert client.post(UPLOAD, files=files).status_code == 200
    monkeypatch.setattr(bodies.shutil, "disk_usage", lambda path: Usage(1, 1, 500_000_500))
    assert client.post(UPLOAD, files=files).status_code == 507


@pytest.mark.parametrize(
    "path", ["/x", "/gradio_api/run/restore", "/gradio_api/api/restore", "/gradio_api/component_server", "/login"]
)
def test_bodies_refuse_what_the_page_does_not_send(client: Any, path: str) -> None:
    """Gradio answers more: without a queue, without a limit, or for parts that are not on this page."""
    assert client.post(path, json={}).status_code == 403
    assert client.get(path).status_code == 200


def test_bodies_refuse_a_kind_of_content_that_is_said_twice_or_elsewhere(client: Any) -> None:
    """One parser takes the first and another the last."""
    body = b'{"path": "http://elsewhere/a.png", "meta": {}}'
    twice = [("content-type", "application/json"), ("content-type", "multipart/x")]
    assert client.post(JOIN, content=body, headers=twice).status_code == 403
    assert client.post(JOIN, files={"files": ("a.png", b"x")}).status_code == 403
    assert client.post(UPLOAD, content=body, headers=twice[:1]).status_code == 403
    assert client.post(JOIN, content=body, headers=twice[:1]).status_code == 400


def test_bodies_look_at_the_disk_while_an_upload_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several at once each found room for themselves."""
    room = iter([10**12, 0])
    monkeypatch.setattr(bodies.shutil, "disk_usage", lambda path: Usage(1, 1, next(room)))
    monkeypatch.setattr(bodies, "_LOOKED_AFTER", 1000)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"x" * 900, "more_body": True}

    async def kinds() -> list[str]:
        counted = bodies.Bodies(echo, Limits(), tmp_path)._counted(receive)
        return [(await counted())["type"] for _ in range(4)]

    assert asyncio.run(kinds()) == ["http.request"] * 3 + ["http.disconnect"]


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:7860", None, 200),
        ("127.0.0.1:7860", "http://127.0.0.1:7860", 200),
        ("127.0.0.1:7860", "http://evil.example", 403),
        ("127.0.0.1:7860", "null", 403),
        ("127.0.0.1:7860", "http://[", 403),
        ("[", None, 400),
        ("127.0.0.1:7860", "https://photos.example", 200),  # behind a server of that name
        ("evil.example", None, 400),
        ("192.168.1.2:7860", None, 200),
        ("[fe80::1]:7860", None, 200),
        ("192.168.1.2.evil.example", None, 400),
    ],
)
def test_hosts_refuse_other_pages(host: str, origin: str | None, status: int, tmp_path: Path) -> None:
    hosts = pytest.importorskip("dreamclean_app.web.hosts")
    app = hosts.Hosts(echo, ["127.0.0.1", "localhost", "photos.example"], everywhere=True)
    headers = {"host": host, **({"origin": origin} if origin else {})}
    assert testclient.TestClient(app).post(UPLOAD, headers=headers).status_code == status
    assert testclient.TestClient(app).get("/", headers=headers).status_code == (200 if status == 403 else status)
    anyone = hosts.Hosts(echo, ["*"], everywhere=False)
    assert testclient.TestClient(anyone).post(UPLOAD, headers=headers).status_code == 200
    local = hosts.Hosts(echo, ["127.0.0.1"], everywhere=False)
    assert testclient.TestClient(local).get("/", headers={"host": "192.168.1.2"}).status_code == 400
