"""The report page in Chromium: its size, how long it takes to open, what axe-core says of it.

    python -m benchmarks.speed.report --rounds 5 --axe axe.min.js --pictures FOLDER

It needs Chromium, and for `--axe` the file of the npm package axe-core. The report is a made-up
one, of `tests/workers/report/made_report.py`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import heading, row
from tests.browser import Page, chromium
from tests.workers.report.made_report import made_report
from workers.report.page import render, render_pages

WIDTHS = (390, 800, 1280)
ALL_LAID_OUT = """
document.head.append(Object.assign(document.createElement("style"), {
  textContent: "* { content-visibility: visible !important }" })); 0
"""
"""axe-core compares places that it has read at different times: nothing may move meanwhile."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=860)
    parser.add_argument("--expectations", type=int, default=1200)
    parser.add_argument("--people", type=int, default=100, help="people that are listed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--axe", type=Path, help="axe.min.js of axe-core")
    parser.add_argument("--pictures", type=Path, help="a folder for pictures of the page")
    options = parser.parse_args()
    report = made_report(options.photos, options.expectations, options.people)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        pages = render_pages(report)
        rendered = time.perf_counter() - began
        for key, text in pages.items():
            Path(folder, key.rpartition("/")[2]).write_text(text, "utf-8")
        path = Path(folder, "index.html")
        sizes = [one.stat().st_size / 1e6 for one in sorted(Path(folder).glob("*.html"))]
        assert report.missing is not None
        print(
            f"{options.photos:,} photos, {len(report.people):,} people, "
            f"{report.missing.rows.num_rows:,} rows not met of {report.missing.expected:,}: "
            f"{len(pages)} pages, the first {sizes[0]:.1f} MB, the largest {max(sizes):.1f} MB, "
            f"rendered in {rendered:.1f} s; {processor()}\n"
        )
        with chromium(Path(folder, "profile")) as browser:
            page = browser.page()
            print("\n".join(opening(page, path, options.rounds)))
            if options.axe:
                few = Path(folder, "few.html")
                few.write_text(render(made_report(24, options.expectations)), "utf-8")
                lines = accessibility(
                    page, path, options.axe, widths=(1280,), themes=("light",), orders=("person",)
                )
                lines += accessibility(page, few, options.axe)[2:]
                print("\n".join(["", *lines]))
            if options.pictures:
                options.pictures.mkdir(parents=True, exist_ok=True)
                pictures(page, path, options.pictures)


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} threads" if names else "processor unknown"


def opening(page: Page, path: Path, rounds: int) -> list[str]:
    """Seconds until the first paint, until all is loaded, and until two more frames are drawn."""
    lines = heading("width", "first paint, s", "loaded, s", "drawn, s")
    for width in WIDTHS:
        page.resize(width)
        paints, loads, drawn = [], [], []
        for _ in range(rounds):
            began = time.perf_counter()
            page.open(path)
            page.settle()
            drawn.append(time.perf_counter() - began)
            paint, load = page.run(
                "[performance.getEntriesByName('first-contentful-paint')[0].startTime,"
                "performance.timing.loadEventEnd - performance.timing.navigationStart]"
            )
            paints.append(paint / 1000)
            loads.append(load / 1000)
        figures = (f"{statistics.median(some):.2f}" for some in (paints, loads, drawn))
        lines.append(row([str(width), *figures]))
    return lines


def accessibility(
    page: Page,
    path: Path,
    axe: Path,
    *,
    widths: Sequence[int] = WIDTHS,
    themes: Sequence[str] = ("light", "dark"),
    orders: Sequence[str] = ("person", "photo"),
) -> list[str]:
    """Violations that axe-core finds at each width, in light and dark, by person and by photo."""
    lines = heading("page", "width", "colours", "order", "violations")
    for width in widths:
        for colours in themes:
            page.resize(width)
            page.emulate(prefers_color_scheme=colours)
            page.open(path)
            page.run(ALL_LAID_OUT)
            page.run(axe.read_text("utf-8") + ";0")
            for order in orders:
                page.run(f"document.querySelector('input[value={order}]').click()")
                found = page.run(
                    "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map("
                    "v => `${v.id} (${v.nodes.length}: ${v.nodes[0].html.slice(0, 160)})`))"
                )
                lines.append(row([path.stem, str(width), colours, order, "; ".join(found) or "0"]))
    return lines


def pictures(page: Page, path: Path, folder: Path) -> None:
    """PNG of the page's parts in light, dark and 390 pixels, and a PDF."""
    for name, width, colours in (("light", 1280, "light"), ("dark", 1280, "dark"),
                                 ("narrow", 390, "light")):  # fmt: skip
        page.resize(width, 1400)
        page.emulate(prefers_color_scheme=colours)
        page.open(path)
        for part in (
            "main",
            "missing",
            "look",
            "references",
            "found",
            "photo-4",
            "unnamed",
            "reading",
        ):
            page.run(f"document.getElementById({part!r}).scrollIntoView()")
            if part == "main":
                page.run("scrollTo(0, 0)")
            page.settle()
            (folder / f"{name}-{part}.png").write_bytes(page.picture())
    page.resize(1280, 1400)
    page.emulate(prefers_color_scheme="light")
    page.run("location.hash = '#find=class&sheet=1'")
    page.settle()
    page.settle()
    (folder / "sheet.png").write_bytes(page.picture())
    (folder / "sheet.pdf").write_bytes(page.pdf())
    page.run("location.hash = '#find='")
    page.settle()
    (folder / "page.pdf").write_bytes(page.pdf())


if __name__ == "__main__":
    main()
