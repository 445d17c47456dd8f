"""The page in a real browser: each thing it offers, by a click; no error, no request, no barrier."""

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from abawbench.compare.comparison import compare
from abawbench.compare.sides import Run
from abawbench.plugins import default_plugins
from abawbench.records.published import Published
from abawbench.records.record import Epoch, Latency, Throughput
from abawbench.records.scores import Confusion, PartScore
from abawbench.records.store import read
from abawbench.report.html import page as page_text

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
pytestmark = pytest.mark.slow
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The system's browser, or the one that playwright installed; without either the tests skip."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    with playwright.sync_playwright() as driver:
        try:
            started = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no browser starts here (apt-get install chromium): {str(error).splitlines()[0]}")
        yield started
        started.close()


@pytest.fixture
def file(make_run: Callable[..., Path], tmp_path: Path) -> Path:
    """A page of three real results, one of them marked, a published one, and a synthetic one."""
    cheap = {"device": "cuda", "threads": 1, "runtime": "onnx"}
    runs = []
    for name, noise, more in (
        ("good", 0.1, {}),
        ("poor", 0.9, {}),
        ("worse", 0.95, {"source": "none"}),
        ("made-up", 0.2, {"synthetic": True}),
    ):
        folder = make_run(name, model=name, job=name.ljust(64, "0"), noise=noise, **more)
        runs.append(Run(folder, read(folder)))
    first = runs[0].record
    assert first.score is not None
    assert first.cost is not None
    confusion = Confusion(classes=("calm", "cross"), counts=((8, 2), (1, 9)))
    latency = Latency(p50_ms=3.0, samples=9, batch=1, **cheap)
    throughput = Throughput(clips_per_second=1.0, frames_per_second=2.0, batch=1, joules_per_clip=0.5, **cheap)
    changed = {
        "score": first.score.model_copy(update={"confusion": confusion, "parts": {"valence": PartScore(value=0.9)}}),
        "training": (Epoch(epoch=1, loss=0.9), Epoch(epoch=2, loss=0.4)),
        "cost": first.cost.model_copy(update={"parameters_total": 1_000, "latency": latency, "throughput": throughput}),
    }
    runs[0] = Run(runs[0].path, first.model_copy(update=changed))
    row = Published(
        system="theirs", task="va", edition=8, database="aff-wild2", split="val", metric="mean CCC", value=0.5,
        source="a paper", confidence="SINGLE", parameters=5e6,
    )  # fmt: skip
    path = tmp_path / "page.html"
    path.write_text(page_text(runs, [row], default_plugins()), encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Any, file: Path) -> Iterator[Any]:
    """The page, opened; at the end nothing was logged, and nothing but the file was asked for."""
    context = browser.new_context(accept_downloads=True, viewport={"width": 1300, "height": 900})
    opened = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(file.as_uri())
    yield opened
    assert not said
    assert {url for url in asked if not url.startswith("blob:")} <= {
        opened.url.split("#")[0],
        file.as_uri(),
        "about:blank",
    }
    context.close()


def models(page: Any) -> list[str]:
    """The names of the results that are shown, from the top."""
    return [text.split(" ")[0] for text in page.locator(".opens").all_inner_texts()]


def test_a_click_on_a_heading_sorts_and_a_second_turns_it_round(page: Any) -> None:
    assert models(page)[:4] == ["good", "poor", "worse", "theirs"]
    heading = page.locator("[data-sort=params]").first
    heading.click()
    assert models(page)[0] == "good"
    assert page.locator("th[aria-sort=ascending]").count() >= 1
    page.locator("[data-sort=params]").first.click()
    assert models(page)[0] == "theirs"
    assert "sort=params" in page.url


def test_filters_and_search_narrow_what_is_shown(page: Any) -> None:
    for select, value, expected in (
        ("#f-kind", "synthetic", ["made-up"]),
        ("#f-device", "cuda", ["good"]),
        ("#f-runtime", "onnx", ["good"]),
        ("#f-task", "va", ["good", "poor", "worse", "theirs", "made-up"]),
        ("#f-database", "synthetic", ["made-up"]),
        ("#f-edition", "8", ["good", "poor", "worse", "theirs", "made-up"]),
        ("#f-pretrained", "nothing", ["worse"]),
    ):
        page.select_option(select, value)
        assert models(page) == expected, select
        page.click("#reset")
    page.fill("#f-q", "wor")
    assert models(page) == ["worse"]
    assert page.inner_text("#count") == "1 of 5 results on 1 board"


def test_a_value_has_its_interval_as_a_bar_and_ties_a_bracket(page: Any) -> None:
    assert page.locator("#board-0 svg.bar").count() == 4
    assert page.locator("tr.published .rank").inner_text() == "published"
    assert page.locator(".badge", has_text="not ranked").count() == 1


def test_a_row_opens_into_its_details(page: Any) -> None:
    page.get_by_role("button", name="good").click()
    detail = page.locator("tr.detail")
    cards = "Per class or dimension|Confusion matrix|Tracks, the worst first|Training|Cost|Data|Repeat it"
    assert detail.locator("h3").all_inner_texts() == [*cards.split("|"), "Machine and versions"]
    assert detail.locator(".confusion td[title='calm taken for cross: 20.0%']").inner_text() == "2"
    assert detail.locator(".curve circle").count() == 2
    assert "abawbench run --model good" in detail.inner_text()
    assert detail.locator(".bars").nth(1).locator("tr").count() == 24
    page.get_by_role("button", name="good").click()
    assert detail.count() == 0


def test_two_ticked_results_are_compared_as_the_command_does(page: Any, tmp_path: Path) -> None:
    page.get_by_label("Compare good, va").first.check()
    assert "Tick a second" in page.inner_text("#comparison")
    page.get_by_label("Compare poor, va").check()
    said = page.inner_text("#comparison")
    assert "A is better" in said
    sides = ([Run(tmp_path / name, read(tmp_path / name))] for name in ("good", "poor"))
    told = compare(*sides, default_plugins()).tasks[0]
    assert f"{told.difference:.3f} [{told.interval.low:.3f}, {told.interval.high:.3f}]" in said
    assert f"p\n{told.p_value:.3f}" in said
    page.get_by_label("Compare poor, va").uncheck()
    page.get_by_label("Compare made-up, va").check()
    assert "Not compared" in page.inner_text("#comparison")


def test_a_point_of_the_picture_leads_to_its_row(page: Any) -> None:
    page.select_option("#f-axis", "latency")
    assert "p50" not in page.locator("figcaption").first.inner_text()
    for axis, points in (("params", 4), ("latency", 3), ("memory", 3), ("joules", 1), ("macs", 3)):
        page.select_option("#f-axis", axis)
        assert page.locator("#board-0 .point").count() == points, axis
    page.locator("#board-0 .point.best").first.click()
    assert page.locator("tr.detail").count() == 1
    assert page.evaluate("document.activeElement.className") == "opens"


def test_downloads_hold_what_is_shown(page: Any, tmp_path: Path) -> None:
    page.fill("#f-q", "good")
    for button, name in (("#csv", "abawbench.csv"), ("#json", "abawbench.json")):
        with page.expect_download() as waiting:
            page.click(button)
        waiting.value.save_as(tmp_path / name)
    with (tmp_path / "abawbench.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    (same,) = json.loads((tmp_path / "abawbench.json").read_text(encoding="utf-8"))
    assert row["model"] == same["model"] == "good"
    assert float(row["value"]) == same["value"]


def test_a_link_shows_the_same_again(page: Any, file: Path) -> None:
    page.select_option("#f-kind", "real")
    page.locator("[data-sort=params]").first.click()
    page.get_by_role("button", name="good").click()
    page.get_by_label("Compare poor, va").check()
    address, before = page.url, page.inner_text("main")
    page.goto("about:blank")
    page.goto(address)
    assert page.inner_text("main") == before
    assert page.get_by_label("Compare poor, va").is_checked()


def test_light_and_dark_and_the_keyboard(page: Any) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.click("#theme")
    assert page.evaluate(paper) != light
    page.locator("[data-sort=value]").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.sort") == "value"
    page.get_by_role("button", name="poor").focus()
    page.keyboard.press("Enter")
    assert page.locator("tr.detail").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_on_desktop_or_phone(page: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python")
    page.emulate_media(color_scheme=scheme)
    page.get_by_role("button", name="good").click()
    page.get_by_label("Compare good, va").first.check()
    page.get_by_label("Compare poor, va").check()
    for width in (1300, 380):
        page.set_viewport_size({"width": width, "height": 800})
        found = axe.Axe().run(page)
        assert not found.response["violations"], found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_five_hundred_results_make_a_small_file_that_opens(
    browser: Any, make_run: Callable[..., Path], tmp_path: Path
) -> None:
    folders = [make_run(f"m{n}", model=f"m{n}", noise=0.2 + 0.02 * n) for n in range(20)]
    records = [read(folder) for folder in folders]
    runs = []
    for n in range(504):
        data = records[n % 20].database.model_copy(update={"fingerprint": str(n % 6) * 64})
        changed = {"job": f"{n}".ljust(64, "x"), "database": data, "model": f"model-{n}"}
        runs.append(Run(folders[n % 20], records[n % 20].model_copy(update=changed)))
    path = tmp_path / "big.html"
    path.write_text(page_text(runs, [], default_plugins()), encoding="utf-8")
    assert path.stat().st_size < 1_500_000
    page = browser.new_page()
    page.goto(path.as_uri())
    assert page.inner_text("#count") == "504 of 504 results on 6 boards"
    print(f"{path.stat().st_size} bytes, ready in {page.evaluate('document.documentElement.dataset.ready')} ms")
    page.close()
