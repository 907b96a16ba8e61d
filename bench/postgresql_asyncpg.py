#!/usr/bin/env python3
"""Measures point selects of the PostgreSQL adapter beside asyncpg, the fastest driver of Python, on the same server.

    cmake --build build/release --target postgresql_select_bench   # configured with WHISPERSTORE_BUILD_BENCHMARKS=ON
    bench/postgresql_asyncpg.py --directory /var/tmp               # where the server's user may make a folder

Each side is a process of its own with a pool of --pool connections and one thread, on which --in-flight coroutines
read rows of 700 bytes by their keys. The sides take turns, first a warm-up, then --rounds rounds, and medians are
printed as storage_bench --json does: case, ours, reference, ratio (ours / reference), unit, note.

The server is one of its own, unless WHISPERSTORE_BENCH_POSTGRESQL_URL names one. asyncpg comes from PyPI into a folder
below ~/.cache/whisperstore, which may be removed afterwards.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whisperstore"
ASYNCPG = "asyncpg==0.30.0"

# asyncpg's side: the same protocol as postgresql_select_bench.
WORKER = r'''
import asyncio, json, random, sys, time
import asyncpg

ROWS = 100000

async def read(pool, left, number):
    numbers = random.Random(number)
    count = 0
    while left[0] > 0:
        left[0] -= 1
        row = await pool.fetchrow("SELECT id, user_id, name, score, body FROM points WHERE id = $1",
                                  numbers.randrange(ROWS))
        count += len(row["body"])
    return count

async def main(url, pool_size, in_flight):
    async with asyncpg.create_pool(url, min_size=pool_size, max_size=pool_size) as pool:
        print("ready", flush=True)
        for line in sys.stdin:
            total = int(line)
            left = [total]
            cpu, start = time.process_time(), time.perf_counter()
            sizes = await asyncio.gather(*(read(pool, left, number) for number in range(in_flight)))
            seconds = time.perf_counter() - start
            if sum(sizes) != total * 700:
                raise SystemExit("rows are missing or incomplete")
            print(json.dumps({"seconds": seconds, "cpu_seconds": time.process_time() - cpu}), flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
'''


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=PROJECT / "build/release/bin/postgresql_select_bench", type=Path)
    parser.add_argument("--directory", default=Path(tempfile.gettempdir()), type=Path,
                        help="where a folder for the server is made, and removed at the end")
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--count", default=20000, type=int, help="selects of a round")
    parser.add_argument("--pool", default=10, type=int)
    parser.add_argument("--in-flight", default=16, type=int)
    return parser.parse_args()


def python_with_asyncpg():
    folder = CACHE / "bench-asyncpg"
    python = folder / "bin/python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    if subprocess.run([python, "-c", "import asyncpg"], capture_output=True, check=False).returncode != 0:
        subprocess.run([python, "-m", "pip", "install", "--quiet", ASYNCPG], check=True)
    return python


class Side:
    """A process that does so many selects as a line says, and answers how long they took."""

    def __init__(self, command):
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.first_line = self.read_line()
        self.rates = []
        self.cpu_rates = []

    def read_line(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended early")
        return line.strip()

    def run(self, count, keep):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        answer = json.loads(self.read_line())
        if keep:
            self.rates.append(count / answer["seconds"])
            self.cpu_rates.append(count / answer["cpu_seconds"])

    def end(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            sys.exit(f"{self.process.args[0]} failed")


def print_result(case, ours, reference, unit, note):
    ours, reference = statistics.median(ours), statistics.median(reference)
    print(json.dumps({"case": case, "ours": ours, "reference": reference, "ratio": ours / reference, "unit": unit,
                      "note": note}), flush=True)


def main():
    options = arguments()
    python = python_with_asyncpg()
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        os.chmod(folder, 0o755)
        server = Path(folder) / "server"
        server.mkdir()
        ours = Side([options.program, server, options.pool, options.in_flight])
        reference = Side([python, "-c", WORKER, ours.first_line, options.pool, options.in_flight])
        for round_number in range(options.rounds + 1):
            for side in (reference, ours):
                side.run(options.count, keep=round_number > 0)
        reference.end()
        ours.end()
    case = f"postgresql_asyncpg_point_select_{options.in_flight}"
    note = f"asyncpg, pool of {options.pool}, one thread"
    print_result(case, ours.rates, reference.rates, "selects/s", note)
    print_result(case + "_cpu", ours.cpu_rates, reference.cpu_rates, "selects/CPU s", note)


if __name__ == "__main__":
    main()
