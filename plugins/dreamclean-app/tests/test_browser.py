"""The page in a real browser."""

import io
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from dreamclean import read_recipe

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture
def page(server: Any, browser: Any) -> Any:
    page = browser.page(server.url)
    yield page
    page.context.close()


def drop(page: Any, *files: Any) -> None:
    page.set_input_files("#dc-files input[type=file]", list(files))


def wait(page: Any, where: str, text: str) -> str:
    """The text of a part of the page once ``text`` is in it."""
    page.wait_for_function(
        "([where, text]) => document.querySelector(where)?.innerText.includes(text)", arg=[where, text], timeout=40_000
    )
    return str(page.inner_text(where))


def restored(page: Any) -> None:
    page.click("#dc-go")
    wait(page, "#dc-status", "Done")
    page.wait_for_selector("#dc-download")


def download(page: Any, button: str, target: Path) -> Path:
    """What the button gives."""
    with page.expect_download() as waiting:
        page.click(button)
    waiting.value.save_as(target)
    return target


def set_slider(page: Any, where: str, value: float) -> None:
    box = page.locator(f"{where} input[type=number]")
    box.fill(str(value))
    box.press("Enter")
    box.blur()


def pixels(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(float)


def expert(page: Any, **settings: str) -> None:
    """Open the expert side and fill in its fields, by their labels."""
    page.click("#dc-expert button >> nth=0")
    for label, value in settings.items():
        field = page.locator("#dc-expert").get_by_label(label, exact=False).first
        field.fill(value)
        field.blur()
    page.wait_for_timeout(300)


def test_page_says_what_is_found_restores_and_blends(page: Any, photo: Path, tmp_path: Path) -> None:
    drop(page, photo)
    assert "grey noise" in wait(page, "#dc-found", "Found")
    restored(page)
    got = download(page, "#dc-download", tmp_path / "got.png")
    given, result = pixels(photo), pixels(got)
    assert result.shape == given.shape and np.abs(result - given).mean() > 1
    assert read_recipe(got).strength == "nsr:0.3"
    shown = page.locator("#dc-view img").evaluate_all("all => all.map(one => [one.naturalWidth, one.naturalHeight])")
    assert shown == [[96, 64], [96, 64]], "before and after are shown at full size"

    placed = "() => [...document.querySelectorAll('#dc-view img')].map(one => getComputedStyle(one).transform).join()"
    whole = page.evaluate(placed)
    box = page.locator("#dc-view img").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"whole => ({placed})() != whole", arg=whole)  # it is zoomed

    before = page.locator("#dc-view img").evaluate_all("all => all.map(one => one.src)")
    set_slider(page, "#dc-blend", 50)
    page.wait_for_function(
        "old => !old.includes([...document.querySelectorAll('#dc-view img')].at(-1).src)", arg=before, timeout=20_000
    )
    half = pixels(download(page, "#dc-download", tmp_path / "half.png"))
    assert np.abs(half - (given + result) / 2).max() <= 1
    assert read_recipe(tmp_path / "half.png") == read_recipe(got)


def test_adding_a_picture_keeps_what_was_done(page: Any, photo: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.png"
    with Image.open(photo) as image:
        image.rotate(180).save(second)
    drop(page, photo)
    wait(page, "#dc-found", "Found")
    restored(page)
    drop(page, second)
    wait(page, "#dc-found", "second: ")
    assert wait(page, "#dc-strip", "✓").count("✓") == 1
    page.wait_for_selector("#dc-download")


def test_strength_follows_the_keyboard(page: Any, photo: Path) -> None:
    drop(page, photo)
    wait(page, "#dc-found", "Found")
    restored(page)
    before = page.locator("#dc-view img").evaluate_all("all => all.map(one => one.src)")
    page.focus("#dc-blend input[type=range]")
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    page.wait_for_function(
        "old => !old.includes([...document.querySelectorAll('#dc-view img')].at(-1).src)", arg=before, timeout=20_000
    )


@pytest.fixture
def large(photo: Path, tmp_path: Path) -> Path:
    """A picture that can be painted on."""
    path = tmp_path / "large.png"
    with Image.open(photo) as image:
        image.resize((240, 160)).save(path)
    return path


STILL = """() => {
  const bounds = window.editor.image_container.getBounds(), now = [bounds.minX, bounds.maxX].join();
  const still = now == window.before;
  window.before = now;
  return still;
}"""

LATE = """() => {
  let editor;
  const late = add => async url => { await add(url); await new Promise(done => window.loaded = done); };
  const set = it => { editor = it; it.add_image_from_url = late(it.add_image_from_url.bind(it)); };
  Object.defineProperty(window, "editor", { get: () => editor, set });
}"""


def open_canvas(page: Any, picture: Path) -> None:
    """The picture under the brush, no longer moved to its place."""
    drop(page, picture)
    wait(page, "#dc-found", "Found")
    page.get_by_role("tab", name="Repair or protect").click()
    page.wait_for_selector("#dc-paint button[aria-label=Undo]:enabled")
    page.wait_for_function(STILL, polling=700)


def stroke(page: Any) -> None:
    """From left to right through the middle of the canvas."""
    box = page.locator("#dc-paint canvas").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + box["height"] * 0.5, steps=8)
    page.mouse.up()


def result(page: Any, target: Path) -> Path:
    """What is downloaded at the end of a run."""
    page.get_by_role("tab", name="Before and after").click()
    wait(page, "#dc-status", "Done")
    return download(page, "#dc-download", target)


def test_page_repairs_what_is_painted_red(page: Any, large: Path, tmp_path: Path) -> None:
    open_canvas(page, large)
    stroke(page)
    page.click("#dc-go")
    got = result(page, tmp_path / "repaired.png")
    operator = read_recipe(got).operator
    assert operator and operator["name"] == "inpaint" and operator["bitmap"]
    changed = (pixels(got) != pixels(large)).any(-1)
    assert changed[78:82, 115:125].mean() > 0.9, "what was painted is filled in"
    assert not changed[:30].any() and not changed[-30:].any(), "what was not painted stays"


def test_page_restores_when_the_picture_under_the_brush_is_loaded(page: Any, large: Path, tmp_path: Path) -> None:
    page.evaluate(LATE)
    open_canvas(page, large)
    page.click("#dc-go")
    page.get_by_role("tab", name="Before and after").click()
    wait(page, "#dc-status", "still being loaded; press Restore again")
    page.evaluate("window.loaded()")
    page.wait_for_selector("#dc-go:enabled")
    page.click("#dc-go")
    assert read_recipe(result(page, tmp_path / "restored.png")).operator is None


def test_page_takes_no_stroke_before_the_picture_is_there(page: Any, large: Path) -> None:
    drop(page, large)
    wait(page, "#dc-found", "Found")
    held: list[Any] = []
    page.route("**/shown.webp", lambda route: held.append(route))  # noqa: PLW0108 - a built-in is not taken
    page.get_by_role("tab", name="Repair or protect").click()
    page.wait_for_selector("#dc-paint button[aria-label=Undo]")
    stroke(page)
    assert page.locator("#dc-paint button[aria-label=Undo]").is_disabled()
    for route in held:
        route.continue_()
    page.unroute("**/shown.webp")
    page.wait_for_selector("#dc-paint button[aria-label=Undo]:enabled")


def test_page_forgets_what_is_undone_and_what_was_painted_on_an_older_picture(
    page: Any, large: Path, photo: Path, tmp_path: Path
) -> None:
    open_canvas(page, large)
    stroke(page)
    page.click("#dc-paint button[aria-label=Undo]")
    page.click("#dc-go")
    assert read_recipe(result(page, tmp_path / "undone.png")).operator is None
    page.get_by_role("tab", name="Repair or protect").click()
    stroke(page)
    drop(page, photo)
    wait(page, "#dc-found", "photo: grey noise")
    page.click("#dc-go")
    page.get_by_role("tab", name="Before and after").click()
    wait(page, "#dc-status", "2 of 2 pictures restored")
    with zipfile.ZipFile(download(page, "#dc-zip", tmp_path / "all.zip")) as file:
        file.extractall(tmp_path)
        assert [read_recipe(tmp_path / name).operator for name in file.namelist()] == [None, None]


def test_page_says_where_detail_has_no_effect(page: Any, photo: Path, tmp_path: Path) -> None:
    number = page.locator("#dc-detail input[type=number]")
    assert "crispest" in page.inner_text("#dc-detail") and number.is_enabled()
    assert page.locator("#dc-tone").get_by_label("faded").is_enabled()
    set_slider(page, "#dc-detail", 0.5)
    expert(page, Strength="nsr:0.3")
    wait(page, "#dc-detail", "No effect: the strength says what is done.")
    assert number.is_disabled() and page.locator("#dc-tone").get_by_label("faded").is_disabled()
    page.locator("#dc-expert").get_by_label("Strength", exact=False).first.fill("")
    wait(page, "#dc-detail", "crispest")
    assert number.is_enabled()
    page.click("#dc-kind-operator button >> nth=0")
    page.locator("#dc-kind-operator").get_by_label("As text").fill("identity:noise=0.1")
    wait(page, "#dc-detail", "No effect: the operator says what is done.")
    assert number.is_disabled() and number.input_value() == "0.5"
    drop(page, photo)
    wait(page, "#dc-found", "Found")
    restored(page)
    assert "Detail has no effect on photo: the operator says what is done." in page.inner_text("#dc-status")
    operator = read_recipe(download(page, "#dc-download", tmp_path / "got.png")).operator
    assert operator and operator["name"] == "identity"


def test_page_stops(page: Any, photo: Path) -> None:
    drop(page, photo)
    wait(page, "#dc-found", "Found")
    expert(page, Strength="300", Steps="40")
    page.click("#dc-kind-prior button >> nth=0")
    page.locator("#dc-kind-prior").get_by_label("As text").fill("tiny:delay=0.1")
    page.wait_for_timeout(500)
    page.click("#dc-go")
    assert "left" in wait(page, "#dc-status", "left")
    page.click("#dc-stop")
    wait(page, "#dc-status", "Stopped")
    page.locator("#dc-kind-prior").get_by_label("As text").fill("tiny")
    page.wait_for_timeout(500)
    restored(page)


def test_page_refuses_what_is_no_picture(page: Any, photo: Path, tmp_path: Path) -> None:
    bad = tmp_path / "<img src=x onerror=alert(1)>.png"
    bad.write_bytes(b"no picture")
    drop(page, bad, photo)
    said = wait(page, "#dc-found", "cannot be read as a picture")
    assert "Traceback" not in said and "/tmp" not in said
    assert page.locator("#dc-found img").count() == 0
    assert "cannot be read as a picture" in wait(page, "#dc-found", "Found")
    restored(page)


def test_page_serves_two_users_at_once(server: Any, browser: Any, photo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (40, 30), (10, 200, 30)).save(other)
    one, two = browser.page(server.url), browser.page(server.url)
    drop(one, photo)
    drop(two, other)
    for page in (one, two):
        wait(page, "#dc-found", "Found")
    for page in (one, two):
        page.click("#dc-go")
    for page, name, size in ((one, "photo-restored.png", (96, 64)), (two, "other-restored.png", (40, 30))):
        wait(page, "#dc-status", "Done")
        with page.expect_download() as waiting:
            page.click("#dc-download")
        assert waiting.value.suggested_filename == name
        with Image.open(waiting.value.path()) as image:
            assert image.size == size
        page.context.close()


def test_page_restores_many_and_gives_a_zip(page: Any, photo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (40, 30), (10, 200, 30)).save(other)
    drop(page, photo, other)
    wait(page, "#dc-found", "other: grey noise")
    page.click("#dc-go")
    wait(page, "#dc-status", "2 of 2 pictures restored")
    with zipfile.ZipFile(download(page, "#dc-zip", tmp_path / "all.zip")) as file:
        assert sorted(file.namelist()) == ["other-restored.png", "photo-restored.png"]
        for name in file.namelist():
            assert Image.open(io.BytesIO(file.read(name))).format == "PNG"
    page.locator("#dc-strip button").first.click()
    page.wait_for_function("() => document.querySelector('#dc-view img')?.naturalWidth == 96")


def test_page_runs_a_recipe_again(page: Any, photo: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "again.json"
    recipe.write_text(
        '{"strength": "nsr:0.2", "steps": 3, "corrector": {"name": "langevin", "gamma": 0.02}, "planner": {"name": "fixed"}}'
    )
    drop(page, photo)
    wait(page, "#dc-found", "Found")
    expert(page)
    page.set_input_files("#dc-recipe input[type=file]", str(recipe))
    wait(page, "#dc-expert", "langevin")
    restored(page)
    made = read_recipe(download(page, "#dc-download", tmp_path / "again.png"))
    assert (made.strength, made.steps, made.corrector["gamma"]) == ("nsr:0.2", 3, 0.02)


def test_page_has_a_form_for_a_plugin_that_was_just_installed(
    server: Any, browser: Any, plugins: Path, photo: Path, tmp_path: Path, request: Any
) -> None:
    small = request.getfixturevalue("later")
    page = browser.page(server.url)
    drop(page, photo)
    wait(page, "#dc-found", "Found")
    expert(page, Strength="nsr:0.3", Steps="2")
    page.click("#dc-kind-corrector button >> nth=0")
    page.locator("#dc-kind-corrector").get_by_label("Corrector", exact=False).first.click()
    page.get_by_role("option", name=small).click()
    page.locator("#dc-kind-corrector").get_by_label("push", exact=False).first.fill("0.25")
    page.locator("#dc-kind-corrector").get_by_label("push", exact=False).first.press("Enter")
    page.wait_for_function(
        "() => document.querySelector('#dc-kind-corrector textarea, #dc-kind-corrector input[type=text]')"
    )
    page.wait_for_timeout(500)
    assert page.locator("#dc-kind-corrector").get_by_label("As text").input_value() == "later:push=0.25"
    restored(page)
    made = read_recipe(download(page, "#dc-download", tmp_path / "later.png"))
    assert made.corrector["name"] == "later" and made.corrector["push"] == 0.25
    page.context.close()


def test_pages_asked_no_other_host_and_broke_no_rule(server: Any, browser: Any, photo: Path) -> None:
    """Of all the tests before it."""
    page = browser.page(server.url)
    drop(page, photo)
    wait(page, "#dc-found", "Found")
    page.context.close()
    hosts = {urlsplit(url).netloc for url in browser.asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(server.url).netloc}
    assert browser.errors == []
