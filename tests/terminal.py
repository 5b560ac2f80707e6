"""The command line on a terminal, as a person sees it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

from tests.conftest import CommandLine


def on_a_terminal(
    cli: CommandLine, *arguments: str, types: str = "", columns: int = 200, plain: bool = True
) -> tuple[int, str]:
    """Run the command line with a terminal of so many columns; return the exit code and all that was on it.

    `plain` takes away what steers the terminal: colours, and what moves its cursor.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    own = {"CURATION_CACHE": str(cli.folder / "cache"), "HF_HOME": str(cli.folder / "hf"), "TERM": "xterm-256color"}
    outside = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR", "LINES"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "curation", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=cli.folder,
        env={**outside, **cli.settings, **own, **cli.extra},
    )
    os.close(theirs)
    os.write(ours, types.encode())
    said = b""
    try:
        while piece := os.read(ours, 65536):
            said += piece
    except OSError:
        # What Linux says when nobody has the terminal open any more.
        pass
    os.close(ours)
    text = said.decode().replace("\r\n", "\n")
    return process.wait(timeout=300), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text) if plain else text
