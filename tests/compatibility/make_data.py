"""Makes the files of ``data/``: run it at the revision whose files are wanted, where that revision is installed.

``python tests/compatibility/make_data.py FOLDER``. Every file comes from a run of the tool. Then :data:`NEUTRAL` takes
the place of what describes the machine, and ``/paceline`` that of the checkout's path, in all files alike.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
REPORT_CARD = HERE.parent / "report_card"
ENVIRONMENT = {"LOGNAME": "engineer", "CXX": "no-compiler", "OMP_NUM_THREADS": "1"}
NEUTRAL = {
    "boot_options": "quiet",
    "container": "none",
    "cpu_microcode": "0x1",
    "cpu_model": "a CPU",
    "hypervisor": "yes",
    "kernel": "6.1.0",
}
GIT = ("git", "-c", "user.name=engineer", "-c", "user.email=engineer@example.org")
EXPECTED = {"passed": 0, "failed": 1, "interrupted": 2, "regressed": 10, "killed": -9}


def main(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "subject")
        shutil.copytree(HERE / "subject", project, ignore=shutil.ignore_patterns("__pycache__"))
        (project / ".gitignore").write_text(".paceline\nbaselines\n__pycache__\n*.json\n", "utf-8")
        _commit(project, "init", "-q")
        make(project, target)
        record(Path(folder, "recording"), target / "recording")
    for path in target.rglob("*"):
        if path.is_file():
            neutralize(path)
    report(target)


def make(project: Path, target: Path) -> None:
    """A baseline, a run of later code, an A/B between both, and runs that went wrong."""
    bench(project, "passed", "small.py", "--pace-save=main", "--pace-reason=the first one")
    shutil.copy(project / "baselines" / "main.json", target)
    net = project / "net.py"
    text = net.read_text("utf-8").replace("WIDTH = 256", "WIDTH = 272").replace('"older"', '"newer"')
    net.write_text(text.replace("REFUSES_COPY = False", "REFUSES_COPY = True"), "utf-8")
    _commit(project)
    bench(project, "passed", "small.py")
    newest(project).rename(target / "run.jsonl")
    end_early(project, target)
    ab = ("small.py", "-k", "footprint", "--pace-against=HEAD~1")
    bench(project, "regressed", *ab, "--pace-json=ab.json")
    (project / "ab.json").rename(target / "ab-report.json")
    newest(project).rename(target / "ab.jsonl")
    bench(project, "failed", "causes.py")
    newest(project).rename(target / "causes.jsonl")


def report(target: Path) -> None:
    """The JSON report of the run, held against the baseline; of what is worse, some is acknowledged."""
    shutil.copy(HERE / "subject" / "acknowledged.toml", target)
    compare = [sys.executable, "-m", "paceline.reports", "compare", "main.json", "run.jsonl", "--json", "report.json"]
    done = subprocess.run([*compare, "--acknowledged", "acknowledged.toml"], cwd=target, check=False)
    assert done.returncode == EXPECTED["regressed"]


def end_early(project: Path, target: Path) -> None:
    """A run that is cut, one that goes on with it, and the journal of one that is killed."""
    bench(project, "interrupted", "ended.py", END="interrupt")
    cut = newest(project)
    bench(project, "passed", "ended.py", "--pace-resume")
    newest(project, apart_from=cut).rename(target / "resumed.jsonl")
    cut.rename(target / "cut.jsonl")
    bench(project, "killed", "ended.py", END="kill")
    (journal,) = (project / ".paceline" / "runs").glob("*.jsonl.part")
    journal.rename(target / "killed.jsonl.part")


def bench(project: Path, how: str, *arguments: str, **environment: str) -> None:
    command = [sys.executable, "-m", "pytest", *arguments]
    ended = subprocess.run(command, cwd=project, env={**os.environ, **ENVIRONMENT, **environment}, check=False)
    assert ended.returncode == EXPECTED[how], f"{arguments} ended with {ended.returncode}, not as {how}"


def newest(project: Path, apart_from: Path | None = None) -> Path:
    """The newest finished run."""
    runs = project / ".paceline" / "runs"
    return max(path for path in runs.glob("*.jsonl") if path != apart_from)


def record(store: Path, target: Path) -> None:
    """Two epochs of the report card. A whole run and a cost take too long: the first that the card keeps are taken."""
    command = [sys.executable, str(REPORT_CARD), "--store", str(store), "record"]
    subprocess.run([*command, "--most=2", "--only=python_loop,perceptron"], check=True)
    for name in ("whole-runs.jsonl", "costs.jsonl"):
        kept = (REPORT_CARD / "recording" / name).read_text("utf-8").splitlines(keepends=True)
        (store / name).write_text(kept[0], "utf-8")
    shutil.copytree(store, target)


def neutralize(path: Path) -> None:
    data = path.read_bytes()
    is_packed = path.suffix == ".gz"
    text = (gzip.decompress(data) if is_packed else data).decode("utf-8")
    for name, value in NEUTRAL.items():
        text = re.sub(rf'("{name}": ?)"[^"]*"', rf'\1"{value}"', text)
    data = text.replace(str(HERE.parents[1]), "/paceline").encode("utf-8")
    path.write_bytes(gzip.compress(data, mtime=0) if is_packed else data)


def _commit(project: Path, *before: str) -> None:
    if before:
        subprocess.run([*GIT, *before], cwd=project, check=True)
    subprocess.run([*GIT, "add", "-A"], cwd=project, check=True)
    subprocess.run([*GIT, "commit", "-qm", "a revision"], cwd=project, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
