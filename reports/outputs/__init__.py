"""The forms that a page is written in, as one table.

An entry of :data:`OUTPUTS` is an output everywhere: the pytest option ``--pace-NAME``, the setting ``NAME``, and the
option ``--NAME`` of ``python -m paceline.reports``. Every pytest run imports the table, so each renderer is imported
when a page is rendered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paceline.reports.page.page import Page


@dataclass(frozen=True)
class Output:
    """One form of a page: ``name`` is that of its options and its setting, ``label`` stands in messages, ``contents``
    in ``--help``. ``render`` returns the whole file."""

    name: str
    label: str
    contents: str
    render: Callable[[Page], str]


def _html(page: Page) -> str:
    from paceline.reports.outputs.html import render_html

    return render_html(page)


def _markdown(page: Page) -> str:
    from paceline.reports.outputs.markdown import render_markdown

    return render_markdown(page)


def _json(page: Page) -> str:
    from paceline.reports.outputs.json_document import render_json

    return render_json(page)


def _junit(page: Page) -> str:
    from paceline.reports.outputs.junit_xml import render_junit

    return render_junit(page)


OUTPUTS: Mapping[str, Output] = {
    output.name: output
    for output in (
        Output("html", "HTML", "the HTML report", _html),
        Output("markdown", "Markdown", "a summary for a pull request", _markdown),
        Output("json", "JSON", "the result as JSON", _json),
        Output("junit", "JUNIT", "the verdicts as JUnit XML", _junit),
    )
}
"""Every output by its name, in the order in which they are written."""
