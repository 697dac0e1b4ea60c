"""Runs and judgements to render: made by hand, so that every verdict and every oddity appears."""

from __future__ import annotations

import importlib.util
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from paceline.baselines.judgement.verdicts import Comparison, Judgement, Policy, Verdict
from paceline.baselines.records import (
    Case,
    Cause,
    Difference,
    Fingerprint,
    Level,
    Measured,
    Metric,
    Note,
    NotMeasured,
    Outcome,
    Run,
    Save,
    metrics,
)
from paceline.baselines.stats.samples import estimate
from paceline.baselines.stored.compare import compare
from paceline.baselines.stored.promote import summarize
from paceline.reports.page.page import Page, build_page
from tests.builders import make_case, make_comparison, make_run
from tests.reports.pages import NOW

HOSTILE = (
    "<img src=x onerror=document.title='owned'>",
    "]]></system-out><script>document.title='owned'</script>",
    "\x1b[31mred\x1b]0;owned\x07 \x00 \x7f \x9b2J",
    "left\u202eright\u200b\u2066 bidi",
    "a|b`c`\n| @everyone #1 [x](http://evil.example) **bold** <!-- -->",
    "' \" \\ $(touch owned) `id` ; & {{ 7*7 }} {% raw %}",
    "x" * 10_000,
    "\ud800 lone surrogate \ufffe \U0001f600",
    "</style><style>*{display:none}</style>",
)
MODELS = ("mlp", "simple_cnn", "lstm_classifier", "text_transformer", "resnet18", "mobilenet_v3_small")
SPEEDUPS = {"eager": 1.0, "compile": 1.31, "channels_last": 1.01, "bf16": 0.41, "int8_dynamic": 2.37, "prune": 0.97}


def scatter(level: float, count: int = 200, spread: float = 0.02, seed: int = 1) -> tuple[float, ...]:
    """Samples as timing gives them: a floor, a tail to the right, and now and then something far out."""
    rng = random.Random(seed)
    return tuple(
        level * (1 + rng.expovariate(1 / spread) + (0.4 if rng.random() < 0.01 else 0)) for _ in range(count)
    )  # fmt: skip


def run_of(outcomes: Sequence[Outcome], **changes: object) -> Run:
    """A run of ``outcomes``, complete unless said otherwise."""
    fields: dict[str, object] = {
        "id": "20260304T115500Z-a1b2c3",
        "fingerprint": Fingerprint(
            {"cpu_model": "Xeon 8488C", "cores": "2", "gpu_models": "none", "torch": "2.9", "threads": "1"},
            {"kernel": "6.8.0-45", "governor": "performance", "python": "3.11.7"},
        ),
        "revision": "0f3c9d1ab2c4e6f80123456789abcdef01234567",
        "selection": {"tier": "default", "keyword": ""},
        "profile_s": {"calls": 121.0, "warm-up": 40.2, "preparation": 33.9, "other": 12.3},
        "notes": (Note(Level.WARNING, "load", "another process used 40 % of a core for a while"),),
    }
    return make_run(*outcomes, **{**fields, **changes})


def compared(
    case: Case, metric: Metric, base: float, ratio: float, verdict: Verdict, reason: str = "", half: float = 0.02
) -> Comparison:
    """A comparison with an interval of ``± half`` around ``ratio``, five processes before."""
    estimates = tuple(base * (1 + 0.004 * step) for step in range(-2, 3))
    sampled = metric.rule == "sampled"
    return make_comparison(
        case, verdict, ratio, metric=metric, base=base, reason=reason or f"a reason for {verdict.value}",
        low=ratio - half if sampled else None, high=ratio + half if sampled else None,
        detectable=0.043 if sampled else None, base_estimates=estimates, new_estimates=(base * ratio,),
    )  # fmt: skip


def _latency_verdict(index: int) -> tuple[float, Verdict, str]:
    if index in (7, 19):
        return 1.113 - index / 400, Verdict.SUSPECT, (
            "+4.2 … +9.8 % lies beyond the 2 % band, outside what five processes of the baseline scattered; would have "
            "found ≥ 4.3 %"
        )  # fmt: skip
    if index == 11:
        return 0.82, Verdict.SUSPECT, "-20.1 … -16.2 % lies beyond the 2 % band; would have found ≥ 4.3 %"
    if index == 23:
        return 1.09, Verdict.INCONCLUSIVE, "the baseline's processes scatter by 14 %: only ≥ 31 % would have been found"
    return 1 + (index % 7 - 3) / 250, Verdict.NO_CHANGE_SEEN, "nothing beyond noise; would have found ≥ 4.3 %"


def make_example(models: Sequence[str] = MODELS) -> tuple[Judgement, Run, Run]:
    """A judgement with its run and base run: every verdict of a stored screen, over ``models``."""
    outcomes: list[Outcome] = []
    before: list[Outcome] = []
    found: list[Comparison] = []
    index = 0
    for place, model in enumerate(models):
        eager = 2.3e4 * 5**place
        for optimization, speedup in SPEEDUPS.items():
            index += 1
            case = make_case(model, optimization)
            if model == "lstm_classifier" and optimization == "channels_last":
                reason = "channels_last needs four-dimensional inputs; lstm_classifier takes three"
                outcomes.append(NotMeasured(case, metrics.LATENCY, Cause.UNSUPPORTED, reason))
                found.append(_without(case, metrics.LATENCY, Verdict.NOT_MEASURED, f"unsupported: {reason}"))
                continue
            if model == "simple_cnn" and optimization == "prune":
                continue
            ratio, verdict, reason = _latency_verdict(index)
            level = eager / speedup * (1 + place / 25)
            notes = (Note(Level.WARNING, "bimodal", "the samples fall into two groups, 8 % apart"),) * (index == 7)
            samples = scatter(level * ratio, seed=index)
            reference = scatter(eager, seed=index + 900) if optimization != "eager" else ()
            outcomes.append(Measured(case, metrics.LATENCY, samples, reference, notes))
            before.append(Measured(case, metrics.LATENCY, scatter(level, 150, seed=index + 500)))
            found.append(compared(case, metrics.LATENCY, level, ratio, verdict, reason))
            size = 46_827_520.0 if optimization != "int8_dynamic" else 11_800_000.0
            grown = model == "resnet18" and optimization == "int8_dynamic"
            outcomes += [
                Measured(case, metrics.SIZE, (size * (1.0031 if grown else 1),)),
                Measured(case, metrics.PREPARATION, (3.1e7,)),
                Measured(case, metrics.FIRST_CALL, (level * 8,)),
                Measured(case, metrics.WARMUP_CALLS, (23.0,)),
            ]
            before.append(Measured(case, metrics.SIZE, (size,)))
            if grown:
                reason = "36 580 bytes more than the baseline; this metric does not scatter"
                found.append(compared(case, metrics.SIZE, size, 1.0031, Verdict.REGRESSED, reason))
            else:
                found.append(compared(case, metrics.SIZE, size, 1.0, Verdict.UNCHANGED, "exactly the same"))
    found.append(_without(make_case("digit_cnn"), metrics.LATENCY, Verdict.GONE, "in the baseline, "
                          "asked for, and not in this run", base=4.1e5))  # fmt: skip
    fresh = make_case("mlp", batch_size=64)
    outcomes.append(Measured(fresh, metrics.LATENCY, scatter(8e4, seed=77)))
    found.append(_without(fresh, metrics.LATENCY, Verdict.NO_BASELINE, "not in the baseline", new=8.05e4))
    run = run_of(outcomes)
    base_run = run_of(before, id="20260301T080000Z-base01", started="2026-03-01T08:00:00Z")
    save = Save(
        "9e8d7c6b5a4f3e2d1c0b", False, "2026-03-01T08:10:00Z", "A. Person", "after the quantizer was rewritten",
        ("20260301T080000Z-base01",), {"tier": "default"},
    )  # fmt: skip
    differences = (Difference("kernel", "6.8.0-41", "6.8.0-45", False),)
    judgement = Judgement(tuple(found), Policy(), run.fingerprint, "ci-2core", save, differences, 12)
    return judgement, run, base_run


def _without(
    case: Case, metric: Metric, verdict: Verdict, reason: str, base: float | None = None, new: float | None = None
) -> Comparison:
    return make_comparison(case, verdict, None, metric=metric, base=base, new=new, reason=reason)


def make_unjudged(outcomes: Sequence[Outcome]) -> tuple[Judgement, Run]:
    """A run that has nothing to be compared with."""
    run = run_of(outcomes)
    found = tuple(
        _without(one.case, one.metric, Verdict.NO_BASELINE, "no baseline", new=estimate(one.metric, one.samples))
        if isinstance(one, Measured)
        else _without(one.case, one.metric, Verdict.NOT_MEASURED, f"{one.cause.value}: {one.reason}")
        for one in outcomes
        if one.metric.rule != "shown"
    )
    return Judgement(found, Policy(), run.fingerprint), run


def make_hostile() -> tuple[Judgement, Run]:
    """Every hostile text in every place that takes text from outside."""
    outcomes: list[Outcome] = []
    found: list[Comparison] = []
    for index, text in enumerate(HOSTILE):
        case = Case(text, text, text, 1, ((text, text),))
        note = Note(Level.ERROR, text, text)
        outcomes.append(Measured(case, metrics.LATENCY, scatter(1e6, seed=index), scatter(2e6), (note,)))
        found.append(compared(case, metrics.LATENCY, 1e6, 1.2, Verdict.SUSPECT, text))
        other = make_case(text, "other", None)
        outcomes.append(NotMeasured(other, metrics.LATENCY, Cause.ERRORED, text))
        found.append(_without(other, metrics.LATENCY, Verdict.NOT_MEASURED, text, base=1.0))
    text = "".join(HOSTILE)
    print_of = Fingerprint({text: text}, {text: text})
    run = run_of(
        outcomes, id=text, fingerprint=print_of, revision=text, started=text, selection={text: text, "args": text},
        notes=(Note(Level.ERROR, text, text),), profile_s={text: 1.0},
    )  # fmt: skip
    save = Save(text, True, text, text, text, (text,), {text: text})
    return Judgement(tuple(found), Policy(), print_of, text, save, (Difference(text, text, text, True),)), run


@pytest.fixture
def example() -> Page:
    """The page of :func:`make_example`, with the base's samples."""
    judgement, run, base_run = make_example()
    return build_page(judgement, run, base_runs=[base_run], now=NOW)


@pytest.fixture
def hostile() -> Page:
    """The page of :func:`make_hostile`."""
    judgement, run = make_hostile()
    return build_page(judgement, run, now=NOW)


@pytest.fixture
def hostile_texts() -> tuple[str, ...]:
    return HOSTILE


@pytest.fixture
def page_of() -> Callable[..., Page]:
    """Builds the page of rows given as ``(case, metric, ratio, verdict)``."""

    def build(*rows: tuple[Case, Metric, float, Verdict], policy: Policy | None = None, **changes: object) -> Page:
        found = tuple(compared(case, metric, 1e6, ratio, verdict) for case, metric, ratio, verdict in rows)
        outcomes = [Measured(one.case, one.metric, (one.new or 0.0,)) for one in found]
        run = run_of(outcomes, **changes)
        return build_page(Judgement(found, policy or Policy(), run.fingerprint, "ci"), run, now=NOW)

    return build


@pytest.fixture
def unjudged() -> Page:
    """A run without a baseline: the outcomes of the example."""
    _, run, _ = make_example()
    return build_page(*make_unjudged(run.outcomes), now=NOW)


@pytest.fixture
def chromium() -> str:
    """A real browser, or a skip that says so."""
    path = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("needs Chromium, which is not installed (Debian: apt-get install chromium)")
    return path


@pytest.fixture(scope="session")
def made() -> ModuleType:
    """``tests/benchmarks/full_run.py``, which makes the run."""
    path = Path(__file__).parents[1] / "benchmarks" / "full_run.py"
    spec = importlib.util.spec_from_file_location("full_run", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def judged(made: ModuleType) -> Page:
    """The full run, held against a baseline of three processes."""
    bases = [made.make_full_run(f"base-{number}") for number in range(made.PROCESSES)]
    base = summarize(bases, name="base", saved="2026-01-02T03:04:05Z", by="", reason="")
    run = made.make_full_run("new", shift=1.4)
    return build_page(compare(base, run, Policy()), run, base_runs=bases, now=NOW)


@pytest.fixture(scope="session")
def alone(made: ModuleType) -> Page:
    """The full run without a baseline."""
    run = made.make_full_run("new", shift=1.4)
    return build_page(Judgement((), Policy(), run.fingerprint), run, now=NOW)
