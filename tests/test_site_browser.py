"""The built site on a phone: ``make test-site`` builds it and runs these tests in Chromium; without either they are skipped."""

import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

driver: Any = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make test-site")
SITE = Path(__file__).parents[1] / "site"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
WIDTH, HEIGHT = 390, 844
CUT = """() => {
  const scrolls = e => e.tagName != 'ARTICLE' && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
  const wide = e => e.getBoundingClientRect().width > 0 && e.getBoundingClientRect().right > innerWidth + 1;
  const cut = [...document.querySelectorAll("article *")].filter(e => wide(e) && !scrolls(e.parentElement));
  return cut.map(e => e.outerHTML.slice(0, 80));
}"""
"""What of the text lies beyond the screen's right edge, but for tables and code that are swiped by themselves."""
pytestmark = [
    pytest.mark.skipif(not (SITE / "index.html").exists(), reason="the site is not built: make test-site"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; install it, or say where it is with CHROMIUM=..."),
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the site is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


class Phone(NamedTuple):
    """A page of a phone's size, every address that it asked for, and every error on its console."""

    page: Any
    asked: list[str]
    errors: list[str]

    def open(self, address: str) -> list[str]:
        """What of the page at ``address`` does not fit on the screen."""
        self.page.goto(address, wait_until="load")
        width = self.page.evaluate("document.scrollingElement.scrollWidth")
        return [*self.page.evaluate(CUT), *([f"{width} pixels"] if width > WIDTH else [])]


@pytest.fixture(scope="module")
def phone() -> Iterator[Phone]:
    with driver.sync_playwright() as play:
        options = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        browser = play.chromium.launch(executable_path=CHROMIUM, args=options)
        screen = {"width": WIDTH, "height": HEIGHT}
        page = browser.new_context(viewport=screen, device_scale_factor=2, is_mobile=True, has_touch=True).new_page()
        page.set_default_timeout(30_000)
        seen = Phone(page, [], [])
        page.on("request", lambda request: seen.asked.append(request.url))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("console", lambda line: seen.errors.append(line.text) if line.type == "error" else None)
        yield seen
        browser.close()


def test_site_fits_a_phone_and_asks_no_other_host(phone: Phone, address: str) -> None:
    pages = sorted(str(path.relative_to(SITE)) for path in SITE.rglob("*/*.html"))
    assert {"docs/index.html", "docs/generated/gallery/index.html", "docs/generated/components/index.html"} <= {*pages}
    too_wide = {page: wider for page in pages if (wider := phone.open(f"{address}/{page}"))}
    assert too_wide == {}
    assert phone.errors == []
    assert [url for url in phone.asked if not url.startswith((address, "data:"))] == []


def test_site_search_finds_vps(phone: Phone, address: str) -> None:
    """As a reader does: the first page, the menu, the search's field, the first results."""
    phone.page.goto(address)
    phone.page.wait_for_url("**/docs/index.html")
    phone.page.locator("label.nav-overlay-icon").first.click()
    phone.page.locator("input.sidebar-search").fill("VPS")
    phone.page.locator("input.sidebar-search").press("Enter")
    first = phone.page.locator("#search-results li a")
    first.first.wait_for()
    assert any("components/corrector-vps" in str(link.get_attribute("href")) for link in first.all()[:3])
    assert phone.errors == []
