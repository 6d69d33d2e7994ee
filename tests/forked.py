"""The program in a fork of a process that has imported it: a process of its own each time, without a second of imports."""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    out: bytes
    err: bytes


class Forks:
    """A process that imports the program once and runs each command in a fork."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            cwd=ROOT,
            pass_fds=[theirs.fileno()],
            env=os.environ | {"COLUMNS": "200"},
        )
        theirs.close()
        self._wire = ours.makefile("rw")
        atexit.register(self._end)

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()

    def run(self, arguments: tuple[str, ...], folder: Path, environment: dict[str, str], timeout_s: float) -> Done:
        """Run a command to its end; one that takes longer is killed, and has the code -9."""
        with tempfile.TemporaryDirectory() as name:
            out, err = (Path(name, said) for said in ("out", "err"))
            asked = {
                "arguments": arguments, "folder": str(folder), "environment": environment, "timeout_s": timeout_s,
                "said": [str(out), str(err)],
            }  # fmt: skip
            self._wire.write(json.dumps(asked) + "\n")
            self._wire.flush()
            code = int(self._wire.readline())
            return Done(code, out.read_bytes(), err.read_bytes())


def _serve(wire: socket.socket) -> None:
    """Run what is asked, one command after the other, until nobody asks any more."""
    import app.cli

    lines = wire.makefile("rw")
    for line in lines:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            wire.close()
            _be(asked, app.cli.main)
        lines.write(f"{_ended(child, time.monotonic() + asked['timeout_s'])}\n")
        lines.flush()


def _be(asked: dict[str, Any], program: Any) -> None:
    """Become the command: its files, folder, environment and arguments, and end as it ends."""
    for number, path in enumerate(asked["said"], start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["fupin", *asked["arguments"]]
    code: object = 1
    try:
        program()
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - whatever it is, it is shown as the interpreter would
        import traceback

        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _ended(child: int, until: float) -> int:
    """Return a child's exit code; kill it if it does not end in time."""
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            until = float("inf")
        time.sleep(0.005)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    _serve(socket.socket(fileno=int(sys.argv[1])))
