"""What imports data frames can still be interrupted while it waits."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

WAITING = """
import os, queue, threading
from curation.frames import pl

pl.DataFrame({"number": [1]}).lazy().select(pl.col("number") + 1).collect()
answers, answered = queue.SimpleQueue(), threading.Event()

def answer():
    answered.set()
    answers.put(None)

threading.Timer(20, answer).start()
try:
    print("waiting", flush=True)
    answers.get()
except KeyboardInterrupt:
    print("only after the answer" if answered.is_set() else "while it waited", flush=True)
os._exit(0)
"""


def test_a_process_that_loaded_data_frames_is_interrupted_while_it_waits() -> None:
    process = subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    assert output == "while it waited\n"


IMPORTING = """
from pathlib import Path

def threads():
    return sum(task.joinpath("comm").read_text().startswith("polars") for task in Path("/proc/self/task").iterdir())

import curation.frames
before = threads()
import curation.serving.gathering, curation.stages.status, curation.stages.sync
print(threads() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="threads have names in /proc")
def test_an_import_computes_nothing_with_data_frames() -> None:
    """Polars would start the threads that it computes in, and a process that has them is not forked safely."""
    output = subprocess.run([sys.executable, "-c", IMPORTING], check=True, capture_output=True, text=True).stdout
    assert output == "0\n"
