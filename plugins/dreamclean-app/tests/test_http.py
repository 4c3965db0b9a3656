"""The HTTP interface: what docs/app.md says of it, and what it does with hostile requests."""

import concurrent.futures
import importlib.util
import io
import json
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dreamclean import read_recipe

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def client(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    gradio_client = pytest.importorskip("gradio_client")
    return gradio_client.Client(server.url, verbose=False, download_files=str(tmp_path_factory.mktemp("got")))


@pytest.fixture(scope="module")
def web(server: Any) -> Iterator[Any]:
    httpx = pytest.importorskip("httpx")
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def file(path: Path) -> Any:
    import gradio_client

    return gradio_client.handle_file(str(path))


def refused(call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """The one line with which it is refused."""
    import gradio_client

    with pytest.raises((gradio_client.exceptions.AppError, ValueError)) as error:
        call(*arguments, **named)
    assert "Traceback" not in str(error.value) and "/tmp" not in str(error.value)
    return str(error.value)


def test_endpoints_are_those_that_the_page_about_them_has(client: Any) -> None:
    named = set(client.view_api(return_format="dict", print_info=False)["named_endpoints"])
    assert named == set(re.findall(r"^### `(/\w+)`$", (ROOT / "docs/app.md").read_text(), re.MULTILINE))


def test_examples_of_the_page_about_it_run(server: Any, photo: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Image.open(photo).save("old.jpg", quality=95)
    Image.new("L", (96, 64)).save("scratches.png")
    blocks = re.findall(r"^```py\n(.*?)^```$", (ROOT / "docs/app.md").read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    text = "\n".join(blocks).replace("http://127.0.0.1:7860", server.url.rstrip("/"))
    text = text.replace('{"detail": 0.5}', "{}")  # which belongs to a planner that the tests' prior has not
    exec(compile(text, "docs/app.md", "exec"), {"__name__": "__main__"})
    assert Image.open("clean.png").size == (96, 64)


def test_diagnose_says_what_is_found(client: Any, photo: Path) -> None:
    words, report, figure = client.predict(file(photo), "", api_name="/diagnose")
    assert (words, report, figure) == ("grey noise, for the tests", {"family": "grey noise"}, None)


def test_restore_gives_the_png_of_the_command_line(client: Any, photo: Path) -> None:
    job = client.submit(file(photo), {"steps": 6, "strength": "nsr:0.3"}, None, None, 1, api_name="/restore")
    png, about = job.result(timeout=60)
    assert about["status"] == "done" and about["recipe"]["steps"] == 6 and "evaluations" in about["summary"]
    assert read_recipe(Path(png)).steps == 6
    steps = [one[1]["step"] for one in job.outputs() if one[1].get("step")]
    assert steps and steps == sorted(steps)


def test_restore_takes_masks(client: Any, photo: Path, tmp_path: Path) -> None:
    white = np.zeros((64, 96), np.uint8)
    white[20:40, 30:60] = 255
    Image.fromarray(white).save(tmp_path / "mask.png")
    Image.fromarray(255 - white).save(tmp_path / "keep.png")
    settings = {"steps": 3, "strength": "nsr:0.3"}
    given = np.asarray(Image.open(photo)).astype(int)
    for mask, keep in ((file(tmp_path / "mask.png"), None), (None, file(tmp_path / "keep.png"))):
        png, _ = client.predict(file(photo), settings, mask, keep, 1, api_name="/restore")
        changed = (np.asarray(Image.open(png)).astype(int) != given).any(-1)
        assert changed[25:35, 35:55].mean() > 0.8 and not changed[:10].any()


def test_restore_many_gives_a_zip_and_a_line_for_each(client: Any, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"bad")
    archive, about = client.predict([file(photo), file(tmp_path / "bad.png")], {}, api_name="/restore_many")
    assert zipfile.ZipFile(archive).namelist() == ["photo-restored.png"]
    assert [one["status"] for one in about] == ["done", "failed"]


def test_blend_and_recipe(client: Any, photo: Path) -> None:
    png, _ = client.predict(file(photo), {}, None, None, 1, api_name="/restore")
    half = client.predict(file(photo), file(png), 0.5, api_name="/blend")
    mean = (np.asarray(Image.open(photo)).astype(float) + np.asarray(Image.open(png))) / 2
    assert np.abs(np.asarray(Image.open(half)) - mean).max() <= 1
    recipe = client.predict(file(png), api_name="/recipe")
    again, about = client.predict(file(photo), {"recipe": recipe}, None, None, 1, api_name="/restore")
    assert Path(again).read_bytes() == Path(png).read_bytes() and about["recipe"]["steps"] == 4


def test_components_are_those_that_are_installed(client: Any) -> None:
    found = client.predict(api_name="/components")
    assert (
        "gamma" in found["corrector"]["vps"]["settings"]
        and found["prior"]["tiny"]["package"] == "dreamclean-apptest 1.0"
    )


def test_restore_that_is_cancelled_frees_the_device(client: Any, photo: Path) -> None:
    slow = {"prior": "tiny:delay=0.1", "steps": 100, "strength": "300", "initializer": "forward-noising"}
    job = client.submit(file(photo), slow, None, None, 1, api_name="/restore")
    until = time.monotonic() + 20
    while not job.outputs() and time.monotonic() < until:
        time.sleep(0.1)
    assert job.outputs()
    job.cancel()
    began = time.monotonic()
    client.predict(file(photo), {}, None, None, 1, api_name="/restore")
    assert time.monotonic() - began < 15


# Hostile requests


def _hostile_files() -> Callable[[], Iterator[tuple[str, bytes]]]:
    spec = importlib.util.spec_from_file_location("hostile_files", ROOT / "tests/hostile/files.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    files: Callable[[], Iterator[tuple[str, bytes]]] = module.files
    return files


def upload(web: Any, name: str, data: bytes) -> str:
    answer = web.post("/gradio_api/upload", files={"files": (name, data)})
    assert answer.status_code == 200, answer.text
    return str(answer.json()[0])


def called(web: Any, endpoint: str, *values: Any) -> tuple[str, str]:
    """The last event of a call, and its data."""
    answer = web.post(f"/gradio_api/call/{endpoint}", json={"data": list(values)})
    if answer.status_code != 200:
        return f"status {answer.status_code}", answer.text
    text = web.get(f"/gradio_api/call/{endpoint}/{answer.json()['event_id']}").text
    return re.findall(r"event: (\w+)\ndata: (.*)", text)[-1]


def as_file(path: str) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def alive(web: Any, photo: Path) -> None:
    """It restores as before."""
    event, data = called(web, "restore", as_file(upload(web, "ok.png", photo.read_bytes())), {}, None, None, 1)
    assert event == "complete" and json.loads(data)[1]["status"] == "done"


def test_hostile_files_are_refused_in_one_line_and_the_server_goes_on(web: Any, photo: Path) -> None:
    chosen = [
        one for one in _hostile_files()() if one[0].startswith(("bombs-", "nothing-", "misnamed-", "png_chunks-"))
    ]
    chosen = [one for one in chosen if len(one[1]) < 1_900_000][::2][:24]
    assert len(chosen) > 20
    for name, data in chosen:
        event, said = called(web, "diagnose", as_file(upload(web, name, data)), "")
        assert event in ("complete", "error"), (name, event)
        if name.startswith(("bombs-", "nothing-")):
            assert event == "error" and ("read" in said or "megapixels" in said), (name, said)
        assert "Traceback" not in said and "/tmp" not in said, name
    alive(web, photo)


@pytest.mark.parametrize(
    "name",
    [
        "../../../../tmp/evil.png",
        "..\\..\\evil.png",
        "/etc/evil.png",
        "<img src=x onerror=alert(1)>.png",
        "a\"onmouseover='x'.png",
        "x" * 240 + ".png",
        "con.png",
        "%2e%2e%2fevil.png",
        "-rf.png",
        "nul\x00l.png",
    ],
    ids=lambda name: repr(name[:24]),
)
def test_hostile_names_become_plain_ones(web: Any, photo: Path, name: str) -> None:
    path = upload(web, name, photo.read_bytes())
    assert ".." not in Path(path).parts and "\x00" not in path
    event, data = called(web, "restore_many", [as_file(path)], {})
    assert event == "complete", data
    archive, about = json.loads(data)
    assert about[0]["status"] == "done" and re.fullmatch(r"[\w .-]*", about[0]["input"])
    (inside,) = zipfile.ZipFile(io.BytesIO(web.get(f"/gradio_api/file={archive['path']}").content)).namelist()
    assert re.fullmatch(r"[\w .-]+-restored\.png", inside) and ".." not in inside


@pytest.mark.parametrize(
    "settings",
    [
        {"prior": "diffusers:path=/etc"},
        {"prior": "diffusers:path=evil/model"},
        {"operator": "inpaint:mask=/etc/hostname"},
        {"operator": "downsample:factor=900"},
        {"operator": "downsample:factor=1000000000"},
        {"mask": "/etc/passwd"},
        {"recipe": "/etc/passwd"},
        {"recipe": {"prior": {"name": "diffusers", "path": "/etc"}}},
        {"steps": 1e12},
        {"steps": "__import__('os')"},
        {"strength": "nsr:" + "9" * 400},
        {"corrector": {"name": "vps", "gamma": "x" * 100}},
        {"nonsense": 1},
        [1, 2, 3],
        "text",
        {"prior": {"name": {"name": {}}}},
    ],
    ids=lambda one: str(one)[:40],
)
def test_hostile_settings_are_refused_in_one_line(web: Any, photo: Path, settings: Any) -> None:
    picture = as_file(upload(web, "ok.png", photo.read_bytes()))
    event, said = called(web, "restore", picture, settings, None, None, 1)
    assert event == "error" and "Traceback" not in said and "/tmp" not in said
    assert json.loads(said), "it says why"


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../etc/passwd", "file:///etc/passwd", "http://127.0.0.1:9/x.png", ""]
)
def test_paths_and_addresses_in_place_of_uploads_are_refused(web: Any, path: str) -> None:
    event, said = called(web, "diagnose", as_file(path), "")
    assert event == "status 400" and "root:" not in said


def test_pictures_of_this_machine_that_were_not_uploaded_are_refused(server: Any, web: Any, photo: Path) -> None:
    inside = as_file(upload(web, "ok.png", photo.read_bytes()))
    beside = Path(inside["path"]).parents[2] / "users"
    for path in (photo, beside / "secret.png", f"{Path(inside['path']).parent}/../../../secret.png"):
        for given in (as_file(str(path)), {**as_file(str(path)), "url": inside["path"]}):
            assert called(web, "diagnose", given, "")[0] == "status 400"
            assert called(web, "restore", inside, {"x": given}, None, None, 1)[0] == "status 400"
    assert called(web, "diagnose", inside, "")[0] == "complete"


@pytest.mark.parametrize(
    "address",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=http://127.0.0.1:9/",
        "/gradio_api/file=%68ttp://127.0.0.1:9/",
        "/gradio_api/proxy=http://127.0.0.1:9/",
        "/gradio_api/file=../../../../etc/passwd",
    ],
)
def test_files_of_the_machine_and_of_others_are_not_served(web: Any, address: str) -> None:
    answer = web.get(address)
    assert answer.status_code in (400, 403, 404) and "root:" not in answer.text


def test_large_uploads_and_requests_are_refused(web: Any, photo: Path) -> None:
    assert web.post("/gradio_api/upload", files={"files": ("big.png", b"x" * 2_100_000)}).status_code == 413
    assert web.post("/gradio_api/call/recipe", content=b"[" * 17_000_000).status_code == 413
    assert web.post("/gradio_api/call/recipe", content=b"{" * 100_000).status_code in (400, 422)
    many = [as_file(upload(web, f"{number}.png", photo.read_bytes())) for number in range(7)]
    event, said = called(web, "restore_many", many, {})
    assert event == "error" and "at most 6" in said
    alive(web, photo)


def test_uploads_hold_files_and_no_large_fields(web: Any) -> None:
    """Gradio would keep them in memory."""
    answer = web.post("/gradio_api/upload", files={"files": (None, b"x" * 200_000)})
    assert answer.status_code == 400 and "upload files as files" in answer.text


def test_nobody_goes_past_the_queue(web: Any) -> None:
    for path in ("run/recipe", "api/recipe", "component_server"):
        assert web.post(f"/gradio_api/{path}", json={"data": [None]}).status_code == 403
    number = next(one["id"] for one in web.get("/config").json()["dependencies"] if one["api_name"] == "recipe")
    answer = web.post("/gradio_api/run/predict", json={"data": [None], "fn_index": number})
    assert answer.status_code == 404 and "join the queue" in answer.text


def test_long_toml_is_no_recipe(web: Any) -> None:
    slow = upload(web, "slow.toml", b"a." * 60_000 + b"a=1")
    event, said = called(web, "recipe", as_file(slow))
    assert event == "error" and "too long for a recipe" in said


def test_requests_from_other_pages_are_refused(web: Any) -> None:
    sent = {"files": {"files": ("a.png", b"x")}, "headers": {"Origin": "http://evil.example"}}
    assert web.post("/gradio_api/upload", **sent).status_code == 403


def test_requests_for_other_hosts_are_refused(web: Any) -> None:
    assert web.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert web.get("/").status_code == 200


def test_answers_forbid_everything_from_elsewhere(web: Any) -> None:
    for address in ("/", "/config", "/theme.css", "/nowhere"):
        policy = web.get(address).headers["content-security-policy"]
        assert "default-src 'self'" in policy and "http" not in policy and "frame-ancestors 'none'" in policy


def test_sixty_requests_at_once_are_done_or_refused_and_it_goes_on(web: Any, photo: Path) -> None:
    picture = as_file(upload(web, "ok.png", photo.read_bytes()))
    settings = {"prior": "tiny:delay=0.005"}
    with concurrent.futures.ThreadPoolExecutor(60) as pool:
        ended = list(pool.map(lambda _: called(web, "restore", picture, settings, None, None, 1)[0], range(60)))
    assert set(ended) <= {"complete", "error", "status 503", "status 429"} and ended.count("complete") >= 30
    alive(web, photo)
