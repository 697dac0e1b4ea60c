"""Models that misbehave without ending the process: each is a case of a real run, beside a good one."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch

from paceline.baselines.files.atomic import PromotionError
from paceline.baselines.records import Cause, Measured, NotMeasured, Outcome, Run
from paceline.baselines.stored.promote import summarize

Inside = Callable[..., pytest.RunResult]
OnlyRun = Callable[[], Run]

CASES = """
@pytest.mark.parametrize("optimization", [EAGER, COPY], ids=str)
@pytest.mark.parametrize("model", [BAD, GOOD], ids=str)
def test_latency(measure, model, optimization, device, batch_size):
    measure(model, optimization, device, batch_size)
"""


def latencies(run: Run) -> dict[str, Outcome]:
    return {
        f"{outcome.case.model}-{outcome.case.optimization}": outcome
        for outcome in run.outcomes
        if outcome.metric.name == "latency_ns"
    }


def bad(body: str, prelude: str = "") -> str:
    """Cases of a model called net whose forward pass is ``body``."""
    indented = "\n    ".join(body.strip().splitlines())
    return f"{prelude}\ndef forward(layer, x):\n    {indented}\nBAD = model_of(forward)\n{CASES}"


def assert_good_ones_are_measured(run: Run) -> None:
    assert {type(latencies(run)[f"good-{name}"]) for name in ("plain", "copy")} == {Measured}


def assert_no_baseline(run: Run) -> None:
    with pytest.raises(PromotionError):
        summarize([run], name="main", saved=run.started, by="", reason="")


@pytest.mark.parametrize(
    ("body", "cause", "said"),
    [
        ("raise ValueError('no such layer')", Cause.ERRORED, "ValueError: no such layer"),
        ("raise RuntimeError('x' * 300_000)", Cause.ERRORED, "RuntimeError: xxx"),
        ("raise ValueError('\\ud800\\x1b[31m')", Cause.ERRORED, "ValueError: "),
        ("return torch.empty(1 << 50)", Cause.OUT_OF_MEMORY, "memory"),
        ("return bytearray(1 << 60)", Cause.OUT_OF_MEMORY, ""),
        ("def deeper(n): return deeper(n + 1)\nreturn deeper(0)", Cause.ERRORED, "RecursionError"),
        ("sys.exit(0)", Cause.ERRORED, "SystemExit: 0"),
        ("raise GeneratorExit", Cause.ERRORED, "GeneratorExit"),
        ("os._exit(0)", Cause.ERRORED, "os._exit"),
    ],
    ids=["raises", "long", "unprintable", "tensor", "bytes", "recursion", "sys.exit", "base", "os._exit"],
)
def test_a_model_that_fails_leaves_the_others_measured(
    inside: Inside, only_run: OnlyRun, body: str, cause: Cause, said: str
) -> None:
    if body.startswith("os._exit"):
        _skip_unless_exits_are_refused()
    inside(bad(body)).assert_outcomes(failed=2, passed=2)
    run = only_run()
    for name in ("net-plain", "net-copy"):
        outcome = latencies(run)[name]
        assert isinstance(outcome, NotMeasured)
        assert outcome.cause is cause
        assert said in outcome.reason
    assert_good_ones_are_measured(run)
    assert_no_baseline(run)


def _skip_unless_exits_are_refused() -> None:
    from paceline.fixtures.measurements import instrument

    if not hasattr(instrument, "exit_refused"):
        pytest.skip("os._exit would end this very process: tried in a process of its own by test_slow_crashes.py")


@pytest.mark.parametrize(
    "body",
    [
        "time.sleep(60)",
        "while True: pass",
        "ctypes.CDLL(None).sleep(60)",
        "try:\n    time.sleep(60)\nexcept Exception: pass",
        # Each call goes on for three seconds: one case after the other takes minutes.
        pytest.param(
            "for _ in range(3):\n    try:\n        time.sleep(60)\n    except BaseException: pass",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["sleep", "loop", "native", "swallows", "swallows everything"],
)
def test_a_model_that_hangs_is_cut(inside: Inside, only_run: OnlyRun, body: str) -> None:
    result = inside(bad(body + "\nreturn layer(x)") + SHORT_LIMIT)
    result.assert_outcomes(failed=2, passed=2)
    run = only_run()
    assert {latencies(run)[name].cause for name in ("net-plain", "net-copy")} == {Cause.TIMED_OUT}  # type: ignore[union-attr]
    assert_good_ones_are_measured(run)


SHORT_LIMIT = """
@pytest.fixture(autouse=True)
def short_limit(request, monkeypatch):
    from paceline.baselines.settings import Settings
    monkeypatch.setattr(Settings, "time_limit_for", lambda self, case_id: 0.2 if case_id.startswith("net") else 60.0)
"""


def test_a_model_that_prints_megabytes(inside: Inside, only_run: OnlyRun) -> None:
    result = inside(bad("os.write(1, b'native' * 50_000)\nprint('x' * 300_000)\nreturn layer(x)"), "-q")
    result.assert_outcomes(passed=4)
    assert len(result.stdout.str()) < 20_000
    run = only_run()
    assert run.complete
    assert sum(len(repr(outcome)) for outcome in run.outcomes) < 2_000_000


def test_a_model_that_changes_the_random_state_disturbs_no_one(inside: Inside) -> None:
    torch.manual_seed(5)
    random.seed(5)
    before = torch.get_rng_state(), random.getstate()
    inside(bad("torch.manual_seed(1); random.seed(1)\nreturn layer(x)")).assert_outcomes(passed=4)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]


def test_one_that_changes_the_thread_count_disturbs_no_other(inside: Inside, only_run: OnlyRun) -> None:
    before = torch.get_num_threads()
    body = bad("torch.set_num_threads(2)\nreturn layer(x)") + (
        "\ndef test_afterwards(measure, device):\n"
        "    seen = []\n"
        "    spy = model_of(lambda layer, x: seen.append(torch.get_num_threads()) or layer(x), 'spy')\n"
        "    measure(spy, EAGER, device)\n"
        "    assert set(seen) == {1}\n"
    )
    inside(body).assert_outcomes(passed=5)
    assert torch.get_num_threads() == before
    run = only_run()
    codes = {note.code for name in ("net-plain", "net-copy") for note in latencies(run)[name].notes}  # type: ignore[union-attr]
    assert "threads_changed" in codes
    assert "threads_changed" not in {note.code for note in latencies(run)["good-copy"].notes}  # type: ignore[union-attr]


def test_a_model_that_leaks_is_named(inside: Inside, only_run: OnlyRun) -> None:
    body = bad("return layer(x)", "kept = []\n") + "\n@pytest.fixture(autouse=True)\ndef keeper():\n    yield\n"
    body = body.replace(
        "BAD = model_of(forward)",
        "class Kept(torch.nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.layer = torch.nn.Linear(8, 8)\n"
        "        kept.append(self)\n"
        "    def forward(self, x):\n        return self.layer(x)\n"
        "BAD = model_of(forward, build=Kept)",
    )
    inside(body).assert_outcomes(passed=4)
    notes = latencies(only_run())["net-copy"].notes  # type: ignore[union-attr]
    assert any(note.code == "leaked" and "net" in note.sentence for note in notes)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return layer(x) * float('nan')", "output: the reference holds NaN"),
        ("return layer(x) * float('inf')", "every floating-point value of the reference is infinite"),
        ("forward.n += 1\nreturn layer(x) if forward.n % 2 else (layer(x), 1)", "another output for the same inputs"),
        ("forward.n += 1\nreturn layer(x)[:, : 1 + forward.n % 7]", "shape"),
        ("return layer(x) + torch.rand(1)", "drawn at random"),
        ("forward.n += 1\nreturn layer(x) * forward.n", "kept from one call to the next"),
        ("return torch.randint(1000, (50,))", "another output for the same inputs"),
    ],
    ids=["nan", "infinite", "structure", "shape", "random", "remembers", "labels"],
)
def test_a_model_that_cannot_be_held_against_itself_is_named(
    inside: Inside, only_run: OnlyRun, body: str, said: str
) -> None:
    inside(bad(body).replace("BAD = ", "forward.n = 0\nBAD = ")).assert_outcomes(failed=2, passed=2)
    run = only_run()
    for name in ("net-plain", "net-copy"):
        outcome = latencies(run)[name]
        assert isinstance(outcome, NotMeasured)
        assert outcome.cause is Cause.UNFAITHFUL
        assert outcome.reason.startswith("the model net ")
        assert said in outcome.reason
        assert "copy" not in outcome.reason
    assert_good_ones_are_measured(run)
    assert_no_baseline(run)


def test_a_model_less_steady_than_the_claim_is_named(inside: Inside, only_run: OnlyRun) -> None:
    """Kernels that sum in no fixed order differ by less than that from call to call."""
    inside(bad("return layer(x) * (1 + 1e-3 * torch.rand(1))")).assert_outcomes(failed=1, passed=3)
    outcome = latencies(only_run())["net-copy"]
    assert isinstance(outcome, NotMeasured)
    assert outcome.reason.startswith("the model net gives another output for the same inputs")


@pytest.mark.parametrize(
    "output",
    [
        "torch.cat([layer(x), torch.full((len(x), 1), -float('inf'))], 1)",
        "layer(x).argmax(-1)",
        "{'scores': layer(x), 'hidden': None, 'name': 'net'}",
        "{'boxes': torch.zeros(0, 4), 'scores': layer(x)}",
    ],
    ids=["mask", "labels", "dict", "partly empty"],
)
def test_outputs_of_every_kind_are_measured(inside: Inside, output: str) -> None:
    inside(bad(f"return {output}")).assert_outcomes(passed=4)


@pytest.mark.parametrize("output", ["None", "object()", "(layer(x), iter([1]))", "torch.zeros(0, 4)"])
def test_what_cannot_be_looked_at_is_measured_unproven(inside: Inside, only_run: OnlyRun, output: str) -> None:
    inside(bad(f"return {output}")).assert_outcomes(failed=1, passed=3)
    outcome = latencies(only_run())["net-copy"]
    assert isinstance(outcome, NotMeasured)
    assert outcome.cause is Cause.UNFAITHFUL


def test_a_model_that_changes_its_inputs_in_place_is_named(inside: Inside, only_run: OnlyRun) -> None:
    inside(bad("x.mul_(1.5)\nreturn layer(x)")).assert_outcomes(failed=2, passed=2)
    run = only_run()
    for name in ("net-plain", "net-copy"):
        outcome = latencies(run)[name]
        assert isinstance(outcome, NotMeasured)
        assert "changes its inputs in place" in outcome.reason
    assert_good_ones_are_measured(run)


def test_a_model_that_cannot_be_built_and_inputs_that_are_none(inside: Inside, only_run: OnlyRun) -> None:
    body = (
        "BAD = Model('net', build=lambda: 5, inputs=lambda n: torch.randn(n, 8))\n"
        "WORSE = Model('worse', build=lambda: torch.nn.Linear(8, 8), inputs=lambda n: None)\n" + CASES
    ).replace("[BAD, GOOD]", "[BAD, WORSE, GOOD]")
    inside(body).assert_outcomes(failed=4, passed=2)
    run = only_run()
    assert "build() returned int" in latencies(run)["net-plain"].reason  # type: ignore[union-attr]
    assert latencies(run)["worse-copy"].cause is Cause.ERRORED  # type: ignore[union-attr]
    assert_good_ones_are_measured(run)


@pytest.mark.parametrize(
    ("change", "is_refused"),
    [("x.fill_(3.0)", False), ("x[0, 0] = float('nan')", False), ("x.add_(1)", True), ("x.resize_(2, 8)", True)],
    ids=["a cache", "nan", "grows", "resized once"],
)
def test_what_is_written_alike_each_time_is_a_cache(
    inside: Inside, only_run: OnlyRun, change: str, is_refused: bool
) -> None:
    body = change if "resize" not in change else "x.resize_(x.shape[0] + 1, 8)"
    inside(bad(f"{body}\nreturn layer(x.nan_to_num())"))
    assert isinstance(latencies(only_run())["net-plain"], NotMeasured) == is_refused
