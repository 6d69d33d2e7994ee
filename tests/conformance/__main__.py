"""Compare a folder of cases (`actus/`, `fineract/`, `china/`) with our schedules: one line a case, and what differs."""

import json
import sys
from pathlib import Path

from tests.conformance import actus, china, fineract


def main(folder: Path) -> int:
    """Print every case's outcome and return how many differ."""
    failed = 0
    for suite in (actus, fineract, china):
        for path in sorted((folder / suite.__name__.rpartition(".")[2]).glob("*.json")):
            cases = json.loads(path.read_text())
            for case in cases if isinstance(cases, list) else [cases]:
                found = list(suite.differences(case))
                failed += bool(found)
                print(path.parent.name, case["id"], "differs" if found else "ok", *found, sep="\n    " if found else " ")
    return failed


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1])), 1))
