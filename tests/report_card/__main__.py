"""``python tests/report_card record`` records epochs; ``write`` judges all that were recorded and writes the card."""

from __future__ import annotations

import argparse
from pathlib import Path

from record import record
from recording import Store
from whole import CASES, COSTS, ROOT, WHOLE_RUNS, measure_cost, measure_whole_runs


def main() -> None:
    parser = argparse.ArgumentParser(prog="report_card", description=__doc__)
    parser.add_argument("--store", type=Path, default=Path(__file__).parent / "recording", help="folder of the epochs")
    commands = parser.add_subparsers(dest="command", required=True)
    recorder = commands.add_parser("record", help="record epochs until the time is over; goes on where it was cut")
    recorder.add_argument("--minutes", type=float, default=60.0)
    condition = recorder.add_mutually_exclusive_group()
    condition.add_argument("--neighbours", type=int, default=0, help="other processes kept busy meanwhile")
    condition.add_argument(
        "--condition",
        choices=("quiet", "calibration"),
        default="quiet",
        help="calibration: only to know the true sizes of the extra work; nothing else is judged by it",
    )
    recorder.add_argument("--extra-percent", default="0,4", help="amounts of extra work, 0 is none")
    recorder.add_argument("--only", default="", help="cases whose id contains one of these, divided by commas")
    recorder.add_argument("--most", type=int, default=10_000, help="at most so many epochs")
    runner = commands.add_parser("runs", help="make whole A/A runs of the command line until the time is over")
    runner.add_argument("--minutes", type=float, default=60.0)
    runner.add_argument(
        "--only",
        default=CASES,
        help=f"cases whose id contains one of these, divided by commas (default: {CASES}; an empty text: all)",
    )
    commands.add_parser("cost", help="run the default tier plainly, then against the last commit with nothing changed")
    writer = commands.add_parser("write", help="judge what was recorded, for some minutes, and write the card")
    writer.add_argument("--output", type=Path, default=ROOT / "docs" / "explanation" / "report-card.md")
    writer.add_argument(
        "--site", type=Path, default=ROOT / ".paceline" / "peers", help="folder that asv is installed in"
    )
    options = parser.parse_args()
    store = Store(options.store)
    if options.command == "record":
        count = record(
            store,
            minutes=options.minutes,
            condition=f"loaded-{options.neighbours}" if options.neighbours else options.condition,
            neighbours=options.neighbours,
            extra_percent=options.extra_percent,
            only=options.only,
            most=options.most,
        )
        print(f"{count} epochs recorded into {store.folder}")
    elif options.command == "runs":
        count = measure_whole_runs(store.folder / WHOLE_RUNS, minutes=options.minutes, only=options.only)
        print(f"{count} whole runs made")
    elif options.command == "cost":
        print(measure_cost(store.folder / COSTS))
    else:
        from card import write_card

        print(write_card(store, options.output, options.site))


if __name__ == "__main__":
    main()
