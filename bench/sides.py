"""What the benchmarks beside Python clients share: each side is a process, told by lines what to do."""

import json
import os
import statistics
import subprocess
import sys
import venv
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whisperstore"


def python_with(name, packages):
    """A Python that has these packages of PyPI, in a folder below ~/.cache/whisperstore, which may be removed afterwards."""
    folder = CACHE / name
    python = folder / "bin/python"
    # Which packages it has: other versions are fetched anew.
    complete = folder / "complete"
    if not complete.exists() or complete.read_text(encoding="utf-8").split() != packages:
        print(f"fetching {' '.join(packages)} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "--disable-pip-version-check", "install", "-q", *packages], check=True,
                       stdout=sys.stderr)
        complete.write_text("\n".join(packages), encoding="utf-8")
    return python


class Side:
    """A process that does what a line says, and answers how long it took by a line of JSON. Its first line is its own."""

    def __init__(self, command):
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.first_line = self._read_line()

    def _read_line(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended early")
        return line.strip()

    def run(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return json.loads(self._read_line())

    def end(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            sys.exit(f"{self.process.args[0]} failed")


class Figures:
    """Operations per second, and per second of CPU time, of the rounds of one side."""

    def __init__(self):
        self.rates = []
        self.cpu_rates = []

    def add(self, operations, answer):
        self.rates.append(operations / answer["seconds"])
        if "cpu_seconds" in answer:
            self.cpu_rates.append(operations / answer["cpu_seconds"])

    def cpu(self):
        return statistics.median(self.cpu_rates)


def print_result(case, ours, reference, unit, note):
    """The medians of both sides' figures, as storage_bench --json prints them."""
    ours, reference = statistics.median(ours), statistics.median(reference)
    print(json.dumps({"case": case, "ours": ours, "reference": reference, "ratio": ours / reference, "unit": unit,
                      "note": note}), flush=True)
