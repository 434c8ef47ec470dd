"""`python -m tests.mutation`: every mutation, or those chosen; `--write` renews the table of a page."""

import argparse
from pathlib import Path

from tests.mutation.catalogue import MUTATIONS, renewed
from tests.mutation.runner import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--invariant", type=int, action="append", help="only mutations of this invariant")
    parser.add_argument(
        "--only", default="", help="only mutations whose mechanism or file contains this text"
    )
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the table into this page and end")
    arguments = parser.parse_args()
    if arguments.write is not None:
        page: Path = arguments.write
        page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    chosen = [
        each
        for each in MUTATIONS
        if (not arguments.invariant or each.invariant in arguments.invariant)
        and arguments.only in f"{each.mechanism} {each.file}"
    ]
    if not chosen:
        parser.error("no mutation is like that")
    return run(chosen)


if __name__ == "__main__":
    raise SystemExit(main())
