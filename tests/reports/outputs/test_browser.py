"""The HTML in a real browser: its script runs without an error, and hostile names stay text."""

from __future__ import annotations

import base64
import hashlib
import html
import http.server
import json
import re
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paceline.reports.outputs.html import render_html
from paceline.reports.page.page import Page

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr", "--v=0",
]  # fmt: skip
SORT_AND_FILTER = """
    var order = function (table) {
      return Array.from(table.tBodies[0].rows).slice(1).map(function (row) { return Number(row.cells[4].dataset.v); });
    };
    var table = document.querySelector("table.rows"), heading = table.querySelectorAll("thead th")[4];
    heading.querySelector("button").click();
    var rising = order(table), first = heading.getAttribute("aria-sort");
    heading.querySelector("button").click();
    var falling = order(table), second = heading.getAttribute("aria-sort"), input = document.getElementById("filter");
    input.value = "MLP int8_dynamic";
    input.dispatchEvent(new Event("input", { bubbles: true }));
    var left = Array.from(document.querySelectorAll("table.rows tbody tr:not([hidden]):not(.g) th"));
    return { rising: rising, falling: falling, sorts: [first, second],
      left: left.map(function (cell) { return cell.textContent; }),
      said: document.querySelector(".tools output").textContent };
"""
Browse = Callable[..., str]


@pytest.fixture
def browse(chromium: str, tmp_path: Path) -> Browse:
    """Opens a document and returns its final DOM; fails on anything written to the console."""

    def open_it(text: str, fragment: str = "", flags: tuple[str, ...] = (), address: str = "") -> str:
        file = tmp_path / "report.html"
        file.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [chromium, *FLAGS, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom",
             address or f"{file.as_uri()}{fragment}"],
            capture_output=True, encoding="utf-8", timeout=300, check=True,
        )  # fmt: skip
        said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        assert not said
        return done.stdout

    return open_it


def test_the_console_is_watched(browse: Browse) -> None:
    with pytest.raises(AssertionError, match="Uncaught"):
        browse("<!DOCTYPE html><script>undefined_name()</script>")


def test_the_script_runs_and_a_link_opens_its_case(browse: Browse, example: Page) -> None:
    dom = browse(render_html(example), "#c5")
    assert re.search(r'<form class="tools"><', dom)
    assert 'type="button">Verdict</button>' in dom
    assert re.search(r'<details open="">(?:(?!</details>).)*<div id="c5">', dom, re.DOTALL)
    assert "71 of 71 rows" in dom


def test_hostile_names_stay_text(browse: Browse, hostile: Page) -> None:
    dom = browse(render_html(hostile))
    assert "<title>Blocked: 9 of 18 cases" in dom
    assert "<img" not in dom
    assert dom.count("<script") == dom.count("<style") == 1


def _with_probe(text: str, probe: str) -> str:
    """The document with one more script, which its policy allows, and whose value ends in the element ``probe``."""
    script = (
        f"var result = document.createElement('pre'), value = (function () {{ {probe} }})(); result.id = 'probe';"
        "result.textContent = JSON.stringify(value); document.body.appendChild(result);"
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = text.replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    return allowed.replace("</body>", f"<script>{script}</script></body>")


def _probed(dom: str) -> Any:
    found = re.search(r'<pre id="probe">(.*?)</pre>', dom)
    assert found is not None
    return json.loads(html.unescape(found[1]))


def test_sorting_and_filtering(browse: Browse, example: Page) -> None:
    probe = _probed(browse(_with_probe(render_html(example), SORT_AND_FILTER)))
    rising = [value for value in probe["rising"] if value is not None]
    assert rising == sorted(rising)
    assert probe["rising"][: len(rising)] == rising, "what has no number comes last"
    falling = [value for value in probe["falling"] if value is not None]
    assert falling == rising[::-1]
    assert probe["falling"][: len(falling)] == falling
    assert probe["sorts"] == ["ascending", "descending"]
    assert set(probe["left"]) == {"mlp-int8_dynamic-cpu-b1"}
    assert probe["said"] == "2 of 71 rows"


@pytest.mark.parametrize("name", ["example", "hostile", "unjudged", "judged"])
@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_sticks_out_sideways(browse: Browse, request: pytest.FixtureRequest, name: str, width: int) -> None:
    # a headless window is at least 500 wide, so the document itself is made as narrow as wanted
    probe = f"""
        document.documentElement.style.width = "{width}px";
        document.querySelectorAll("details").forEach(function (one) {{ one.open = true; }});
        return Array.from(document.body.querySelectorAll("*")).filter(function (one) {{
          return !one.closest(".scroll *, svg *, thead, .q") && one.getBoundingClientRect().right > {width} + 1;
        }}).slice(0, 5).map(function (one) {{ return one.outerHTML.slice(0, 200); }});
    """
    text = _with_probe(render_html(request.getfixturevalue(name)), probe)
    assert _probed(browse(text, flags=(f"--window-size={max(width, 500)},900",))) == []


FOLDED = """
    var section = document.getElementById("rows"), input = document.getElementById("filter");
    var models = Array.from(section.querySelectorAll("details.model"));
    var state = function () {
      var shown = models.filter(function (one) { return !one.hidden; });
      return { shown: shown.length, open: models.filter(function (one) { return one.open && !one.hidden; }).length,
        said: document.querySelector(".tools output").textContent,
        names: shown.map(function (one) { return one.querySelector("summary b").textContent; }) };
    };
    var said = [state()];
    ["resnet18 int8_static", ""].forEach(function (text) {
      input.value = text;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      said.push(state());
    });
    return said;
"""


def test_a_large_page_is_folded_and_a_filter_opens_what_fits(browse: Browse, judged: Page) -> None:
    before, filtered, after = _probed(browse(_with_probe(render_html(judged), FOLDED)))
    models = len({row.case.model for row in judged.rows})
    assert (before["shown"], before["open"]) == (models, 0)
    # a line for the latency suite's case and one for the sweep, of both optimizations whose name fits
    assert (filtered["names"], filtered["open"]) == (["resnet18"], 1)
    assert filtered["said"].startswith("4 of ")
    assert after == before


def test_a_link_opens_the_model_it_leads_into(browse: Browse, judged: Page) -> None:
    probe = """
        var target = document.getElementById("v-no-change-seen"), model = target.closest("details.model");
        return [model.open, document.querySelectorAll("#rows details[open]").length,
          target.getBoundingClientRect().height > 0];
    """
    text = _with_probe(render_html(judged), probe)
    assert _probed(browse(text, "#v-no-change-seen")) == [True, 1, True]


def test_marks_and_labels_of_a_front_do_not_cover_each_other(browse: Browse, judged: Page) -> None:
    """Numbers may touch marks where it is crowded, but no number another one, and no text leaves its picture."""
    probe = """
        var wrong = [];
        document.querySelectorAll("#pareto details").forEach(function (one) { one.open = true; });
        document.querySelectorAll("svg.pa").forEach(function (picture) {
          var frame = picture.getBoundingClientRect(), seen = [];
          picture.querySelectorAll("text").forEach(function (text) {
            var box = text.getBoundingClientRect(), name = picture.getAttribute("aria-label") + " " + text.textContent;
            if (box.left < frame.left - 1 || box.right > frame.right + 6 || box.top < frame.top - 3 ||
                box.bottom > frame.bottom + 1) { wrong.push("outside: " + name); }
            seen.forEach(function (other) {
              if (Math.min(box.right, other.right) - Math.max(box.left, other.left) > 2 &&
                  Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top) > 4) { wrong.push(name); }
            });
            seen.push(box);
          });
        });
        return [document.querySelectorAll("svg.pa").length, wrong];
    """
    number, wrong = _probed(browse(_with_probe(render_html(judged), probe)))
    assert number == 2 * len(judged.pareto)
    assert wrong == []


def test_no_request_leaves_the_page(browse: Browse, hostile: Page, tmp_path: Path) -> None:
    requested = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(render_html(hostile).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    log = tmp_path / "net.json"
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browse("", address=f"http://127.0.0.1:{server.server_port}/report", flags=(f"--log-net-log={log}",))
        server.shutdown()
    assert requested == ["/report"]
    # the browser has errands of its own; the only foreign host that the page names is this one
    assert "evil.example" in render_html(hostile)
    assert "evil.example" not in log.read_text(encoding="utf-8")
