"""The HTML by its bytes: hostile text stays text, every link has its anchor, nothing comes from the network."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import runpy
from html.parser import HTMLParser
from pathlib import Path

import pytest

from paceline.baselines.judgement.verdicts import Verdict
from paceline.reports.outputs.html import render_html
from paceline.reports.page.page import Page
from paceline.reports.wording import words

TEXT_PAIRS = [
    *itertools.product(["ink", "soft", "link", "bad", "good", "doubt"], ["page"]),
    *itertools.product(["ink", "soft"], ["panel"]),
    *((tone, f"{tone}-back") for tone in ("bad", "good", "doubt")),
    *itertools.product(["ink"], ["slow1", "slow2", "slow3", "same", "fast1", "fast2", "fast3", "fast4", "panel"]),
]
LINE_PAIRS = [(name, "page") for name in ("base", "new", "reference", "focus")]


class _Elements(HTMLParser):
    """Every start tag with its attributes, and the text of each table cell."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute occurs twice in <{tag}>"
        self.found.append((tag, dict(attrs)))

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag in tags]


@pytest.fixture(params=["example", "unjudged", "hostile"])
def elements(request: pytest.FixtureRequest) -> _Elements:
    return _Elements(render_html(request.getfixturevalue(request.param)))


def test_every_link_has_its_anchor_and_every_anchor_is_unique(elements: _Elements) -> None:
    anchors = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(anchors) == len(set(anchors))
    links = [attributes["href"] or "" for attributes in elements.all("a")]
    assert links
    assert {link.removeprefix("#") for link in links} <= set(anchors)
    assert all(link.startswith("#") for link in links)


def test_nothing_is_loaded_and_nothing_of_others_is_run(elements: _Elements) -> None:
    assert not elements.all("img", "iframe", "object", "embed", "base", "audio", "video", "source", "use", "image")
    assert [attributes["href"] for attributes in elements.all("link")] == ["data:,"]
    assert len(elements.all("script")) == len(elements.all("style")) == 1
    for _, attributes in elements.found:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "style", "xlink:href")]


def test_the_policy_allows_only_our_own_style_and_script(example: Page) -> None:
    text = render_html(example)
    policy = next(
        attributes["content"] or "" for attributes in _Elements(text).all("meta") if "http-equiv" in attributes
    )
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert content is not None
        assert base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode() in policy
        assert "url(" not in content[1]
        assert "@import" not in content[1]


def test_hostile_text_is_text(hostile: Page) -> None:
    text = render_html(hostile)
    text.encode("utf-8")
    assert "<img" not in text
    assert "&lt;img src=x onerror" in text
    assert "\\x1b[31m" in text
    assert "\\u202e" in text
    assert "{{ 7*7 }}" in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]", text)


def test_tables_pictures_and_fields_are_labelled(elements: _Elements) -> None:
    tags = [tag for tag, _ in elements.found]
    assert tags.count("table") == tags.count("caption") > 0
    assert all(attributes.get("scope") in ("row", "col", "rowgroup") for attributes in elements.all("th"))
    assert all(attributes.get("aria-label") and attributes.get("role") == "img" for attributes in elements.all("svg"))
    labelled = {attributes.get("for") for attributes in elements.all("label")}
    assert {attributes.get("id") for attributes in elements.all("input", "select")} <= labelled


def test_the_verdicts_are_there_without_javascript(example: Page) -> None:
    text = re.sub(r"<script>.*</script>", "", render_html(example), flags=re.DOTALL)
    for row in example.rows:
        assert f">{words.MARKS[row.comparison.verdict].sign} {row.verdict}<th scope=row><a href=#{row.anchor}>" in text
        assert f">{row.case.id}</a>" in text
    assert '<form class="tools" hidden>' in text


def test_a_verdict_is_a_word_a_sign_and_a_colour(example: Page) -> None:
    assert '<span class="v bad">✗ regressed</span>' in render_html(example)
    assert '<span class="v doubt">? suspect, slower</span>' in render_html(example)
    assert re.search(r"<tr class=doubt[^>]*><td data-v=1>\? suspect, slower<th", render_html(example))


def test_every_verdict_of_the_page_can_be_jumped_to(example: Page) -> None:
    anchors = {attributes.get("id") for _, attributes in _Elements(render_html(example)).found}
    assert {f"v-{count.verdict.value.replace(' ', '-')}" for count in example.counts} <= anchors
    assert Verdict.GONE in {count.verdict for count in example.counts}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough(example: Page, scheme: str) -> None:
    css = re.search(r"<style>(.*?)</style>", render_html(example), re.DOTALL)
    assert css is not None
    blocks = re.findall(r":root \{(.*?)\}", css[1], re.DOTALL)
    assert len(blocks) == 2
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme == "dark"]))
    for front, back in TEXT_PAIRS:
        assert _contrast(colours[front], colours[back]) >= 4.5, (front, back)
    for front, back in LINE_PAIRS:
        assert _contrast(colours[front], colours[back]) >= 3, (front, back)


def _contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_five_hundred_cases_and_a_full_run_fit_into_a_megabyte(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmarks = Path(__file__).parents[2] / "benchmarks"
    monkeypatch.syspath_prepend(benchmarks)
    benchmark = runpy.run_path(str(benchmarks / "render_500_cases.py"))
    for make in (benchmark["make_run"], benchmark["make_full_run"]):
        bases = [make(f"base-{number}") for number in range(benchmark["PROCESSES"])]
        document = benchmark["prepare"](bases, make("new", shift=1.4))()
        assert document.count("<details><summary>") >= 500
        assert len(document.encode()) <= benchmark["BUDGET_BYTES"]
