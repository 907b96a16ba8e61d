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
import os
import tempfile
from pathlib import Path

from sides import Figures, PROJECT, Side, print_result, python_with

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


def main():
    options = arguments()
    python = python_with("bench-asyncpg", [ASYNCPG])
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        os.chmod(folder, 0o755)
        server = Path(folder) / "server"
        server.mkdir()
        ours = Side([options.program, server, options.pool, options.in_flight])
        reference = Side([python, "-c", WORKER, ours.first_line, options.pool, options.in_flight])
        figures = {side: Figures() for side in (reference, ours)}
        for round_number in range(options.rounds + 1):
            for side, own in figures.items():
                answer = side.run(options.count)
                if round_number > 0:
                    own.add(options.count, answer)
        reference.end()
        ours.end()
    case = f"postgresql_asyncpg_point_select_{options.in_flight}"
    note = f"asyncpg, pool of {options.pool}, one thread"
    print_result(case, figures[ours].rates, figures[reference].rates, "selects/s", note)
    print_result(case + "_cpu", figures[ours].cpu_rates, figures[reference].cpu_rates, "selects/CPU s",
                 note)


if __name__ == "__main__":
    main()
