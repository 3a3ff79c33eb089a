"""`make faults`, or in the folder `tests` `python -m faults [EXCHANGE …]`: run the matrix and print it."""

from __future__ import annotations

import argparse
import sys
import time

from support.replay import exchanges

from .matrix import parts, run_all, summary, table


def main() -> int:
    parser = argparse.ArgumentParser(prog="faults", description="Every operation into every fault.")
    parser.add_argument("exchange", nargs="*", choices=[[], *exchanges()], help="only these exchanges")
    only = parser.parse_args().exchange
    began = time.monotonic()
    cells, late = run_all(parts(only))
    print(*table(cells), "", *summary(cells, time.monotonic() - began), sep="\n")
    for part in late:
        print(f"No time was left for {part.exchange}, {part.body}: {', '.join(part.operations)}", file=sys.stderr)
    return 1 if late or any(cell.wrong for cell in cells) else 0


if __name__ == "__main__":
    sys.exit(main())
