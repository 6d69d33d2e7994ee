"""A folder (目录) for a benchmark's data: a temporary one that leaves nothing behind, or one that is named and kept."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def reachable_folder(prefix: str = "fupin-") -> Iterator[Path]:
    """Yield a temporary folder that the server's user may enter, so that the data lie in it and go with it."""
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        Path(name).chmod(0o755)
        yield Path(name)
