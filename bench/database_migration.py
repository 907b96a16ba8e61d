#!/usr/bin/env python3
"""Measures the migration of conversations from SQLite into PostgreSQL beside a pipe of the two databases' own programs.

    cmake --build build/release --target database_migration_bench  # configured with WHISPERSTORE_BUILD_BENCHMARKS=ON
    bench/database_migration.py --directory /var/tmp               # where the server's user may make a folder

The pipe is `sqlite3 -csv source.db 'SELECT …' | psql -c '\\copy … FROM STDIN CSV'`, for the users and then for the
conversations, into the tables of the portable schema; and for comparison into tables without keys and indexes. The sides
take turns, first a warm-up, then --rounds rounds, and medians are printed as storage_bench --json does: case, ours,
reference, ratio (ours / reference), unit, note. The server is one of its own, unless WHISPERSTORE_BENCH_POSTGRESQL_URL
names one.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from sides import PROJECT, Side, print_result

TABLES = ("users", "conversations")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=PROJECT / "build/release/bin/database_migration_bench", type=Path)
    parser.add_argument("--directory", default=Path(tempfile.gettempdir()), type=Path,
                        help="where a folder for both databases is made, and removed at the end")
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--rows", default=1000000, type=int)
    return parser.parse_args()


def psql(url, command, **more):
    return subprocess.run(["psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", url, "-c", command], check=True, **more)


def pipe(places, tables):
    """Both tables by the programs of the two databases; the seconds it took."""
    start = time.perf_counter()
    for source, target in tables:
        with subprocess.Popen(["sqlite3", "-readonly", "-csv", places["file"], f"SELECT * FROM {source}"],
                              stdout=subprocess.PIPE) as reading:
            psql(places["url"], f"\\copy {target} FROM STDIN CSV", stdin=reading.stdout)
        if reading.returncode != 0:
            raise SystemExit("sqlite3 failed")
    return time.perf_counter() - start


def main():
    options = arguments()
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        os.chmod(folder, 0o755)
        (Path(folder) / "server").mkdir()
        ours = Side([options.program, folder, options.rows])
        places = json.loads(ours.first_line)
        seconds = {"pipe": [], "bare": [], "migrate": [], "verify": []}
        peaks = []
        for round_number in range(options.rounds + 1):
            took = {}
            ours.run("schema")
            took["pipe"] = pipe(places, [(table, table) for table in TABLES])
            ours.run("schema")
            for table in TABLES:
                psql(places["url"], f"CREATE TABLE bare_{table} AS SELECT * FROM {table}")
            took["bare"] = pipe(places, [(table, "bare_" + table) for table in TABLES])
            for way in ("migrate", "verify"):
                ours.run("empty")
                answer = ours.run(way)
                if answer["rows"] < options.rows:
                    raise SystemExit("rows are missing")
                took[way] = answer["seconds"]
                peaks.append(answer["peak_mib"])
            if round_number > 0:
                for way, one in took.items():
                    seconds[way].append(one)
        ours.end()
    rates = {way: [options.rows / one for one in ones] for way, ones in seconds.items()}
    note = f"{options.rows} rows of 600 bytes; at most {max(peaks):.0f} MiB of memory"
    print_result("database_migration", rates["migrate"], rates["pipe"], "rows/s", note)
    print_result("database_migration_verified", rates["verify"], rates["pipe"], "rows/s", note)
    print_result("database_migration_beside_bare_tables", rates["migrate"], rates["bare"], "rows/s",
                 "the pipe's tables have no keys and indexes")
    print_result("database_migration_verifying", [statistics.median(seconds["verify"])],
                 [statistics.median(seconds["migrate"])], "s", "with verification, and without")


if __name__ == "__main__":
    main()
