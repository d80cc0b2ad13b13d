"""``python -m benchmarks [group ...]``: measure, and print a table for each case.

``--light`` only shows that it works: in this process, with few rounds, and numbers without meaning.
"""

import argparse
import signal
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from benchmarks import rendering, results
from benchmarks.groups import NAMES, running
from benchmarks.harness import in_this_process
from benchmarks.machine import described


def main() -> None:
    """Read the command line, measure, print, and write where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "groups", nargs="*", metavar="group", help=f"of {', '.join(NAMES)}; all of them otherwise"
    )
    parser.add_argument("--light", action="store_true", help="few rounds, numbers without meaning")
    parser.add_argument("--write", action="store_true", help="write what was found, for the README")
    parser.add_argument("--folder", type=Path, default=results.FOLDER, help="where to, instead")
    options = parser.parse_args()
    # Who is told to end ends the servers first, as with Ctrl+C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if unknown := [name for name in options.groups if name not in NAMES]:
        parser.error(f"there is no group {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if options.light and options.write and options.folder == results.FOLDER:
        parser.error("numbers without meaning are no results: name another folder")
    small = {"rounds": 2, "calls": 20} if options.light else {}
    with in_this_process() if options.light else nullcontext():
        for name in options.groups or NAMES:
            group = replace(running(name)(**small), machine=described())
            print(rendering.text(group), end="\n\n", flush=True)
            if options.write:
                results.write(group, options.folder)


if __name__ == "__main__":
    main()
