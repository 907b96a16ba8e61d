#!/usr/bin/env python3
"""Backups beside the tools that people know, in interleaved rounds, and writers while they are made.

    bench/backup_rounds.py sqlite PROGRAM [--megabytes 1000] [--rounds 10]
    bench/backup_rounds.py postgresql PROGRAM [--megabytes 1000] [--rounds 5]    (POSTGRES_HOST, POSTGRES_PORT, … set)

sqlite: `whisperstore backup create` beside a writer that commits all the time; every one of these backups is verified, and
every archive has to pass PRAGMA integrity_check; the writer's latencies with and without it. Then without a writer
against the sqlite3 shell's `.backup`, which does not end while others write. postgresql: against `pg_dump -Fc -Z0`. Ratios are of medians; above 1 whisperstore is the faster one.
"""

import argparse
import json
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time


def run(command, **options):
    started = time.monotonic()
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, **options)
    return time.monotonic() - started


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


class Writer(threading.Thread):
    """Commits one message after the other, as an application does, and notes how long each takes."""

    def __init__(self, database):
        super().__init__(daemon=True)
        self.database = database
        self.ended = threading.Event()
        self.latencies = []
        self.failure = None

    def run(self):
        try:
            connection = sqlite3.connect(self.database, timeout=60, isolation_level=None)
            connection.execute("PRAGMA synchronous=FULL")
            number = connection.execute("SELECT coalesce(max(message_id), 0) FROM messages").fetchone()[0]
            while not self.ended.is_set():
                number += 1
                started = time.monotonic()
                connection.execute("INSERT INTO messages (message_id, channel_id, user_id, content, timestamp) "
                                   "VALUES (?, 'load', 'user', ?, '2026-01-01T00:00:00.000000Z')",
                                   (number, "y" * 600))
                self.latencies.append(time.monotonic() - started)
                time.sleep(0.002)
            connection.close()
        except sqlite3.Error as error:
            self.failure = error

    def stop(self):
        self.ended.set()
        self.join()
        if self.failure:
            raise self.failure


def fill_sqlite(database, megabytes):
    connection = sqlite3.connect(database)
    connection.execute("INSERT OR IGNORE INTO users (user_id, username) VALUES ('user', 'user')")
    rows = megabytes * 1000000 // 720
    connection.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                       "INSERT INTO messages (message_id, channel_id, user_id, content, timestamp) "
                       "SELECT i, 'channel-' || (i % 100), 'user', hex(randomblob(300)), "
                       "'2026-01-01T00:00:00.000000Z' FROM n", (rows,))
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def check(program, backup, environment):
    run([program, "backup", "verify", backup], env=environment)
    for name in ("database", "vector_db"):
        answer = sqlite3.connect(f"file:{backup / name}?mode=ro", uri=True).execute("PRAGMA integrity_check").fetchone()
        assert answer == ("ok",), answer


def sqlite_rounds(arguments, folder, environment):
    program = arguments.program
    environment["WHISPERENGINE_DATA_DIR"] = str(folder / "data")
    run([program, "init"], env=environment)
    database = folder / "data" / "database.db"
    fill_sqlite(database, arguments.megabytes)
    ours, loaded, theirs, during, quiet = [], [], [], [], []
    for i in range(arguments.rounds):
        writer = Writer(database)
        writer.start()
        before = len(writer.latencies)
        taken = run([program, "backup", "create", folder / "backup"], env=environment)
        during += writer.latencies[before:]
        writer.stop()
        loaded.append(taken)
        check(program, folder / "backup", environment)
        shutil.rmtree(folder / "backup")
        alone = Writer(database)
        alone.start()
        time.sleep(max(2, taken))
        alone.stop()
        quiet += alone.latencies
        # Without a writer: the shell's begins anew whenever another process has written, and would never end.
        ours.append(run([program, "backup", "create", folder / "backup"], env=environment))
        shutil.rmtree(folder / "backup")
        theirs.append(run(["sqlite3", database, f".backup {folder / 'copy'}"]))
        run(["sync", folder / "copy"])
        (folder / "copy").unlink()
    without, beside = percentile(quiet, 0.99), percentile(during, 0.99)
    return {"megabytes": database.stat().st_size / 1e6, "rounds": arguments.rounds,
            "whisperstore_seconds": statistics.median(ours),
            "whisperstore_seconds_beside_a_writer": statistics.median(loaded), "sqlite3_backup_seconds": statistics.median(theirs),
            "speed_ratio": statistics.median(theirs) / statistics.median(ours),
            "writer_p99_ms_without": without * 1000, "writer_p99_ms_during": beside * 1000,
            "p99_ratio": beside / without, "writes_during": len(during)}


def postgresql_rounds(arguments, folder, environment):
    program = arguments.program
    environment.update({"WHISPERENGINE_DATA_DIR": str(folder / "data"), "WHISPERENGINE_DATABASE_TYPE": "postgresql"})
    connection = {"PGHOST": environment["POSTGRES_HOST"], "PGPORT": environment["POSTGRES_PORT"],
                  "PGUSER": environment["POSTGRES_USER"], "PGDATABASE": environment["POSTGRES_DB"],
                  "PGPASSWORD": environment.get("POSTGRES_PASSWORD", "")}
    clients = {**environment, **connection}
    run([program, "init"], env=environment)
    rows = arguments.megabytes * 1000000 // 720
    run(["psql", "-qc", "INSERT INTO users (user_id, username) VALUES ('user', 'user') ON CONFLICT DO NOTHING",
         "-c", "INSERT INTO messages (message_id, channel_id, user_id, content, timestamp) "
         "SELECT i, 'channel-' || (i % 100), 'user', repeat(md5(i::text), 19), now() FROM "
         f"generate_series(1, {rows}) i ON CONFLICT DO NOTHING", "-c", "VACUUM ANALYZE messages"], env=clients)
    ours, theirs = [], []
    for i in range(arguments.rounds):
        ours.append(run([program, "backup", "create", folder / "backup"], env=environment))
        run([program, "backup", "verify", folder / "backup"], env=environment)
        size = (folder / "backup" / "database").stat().st_size
        shutil.rmtree(folder / "backup")
        theirs.append(run(["pg_dump", "-Fc", "-Z0", "-f", folder / "dump"], env=clients))
        run(["sync", folder / "dump"])
        (folder / "dump").unlink()
    return {"megabytes": size / 1e6, "rounds": arguments.rounds, "whisperstore_seconds": statistics.median(ours),
            "pg_dump_seconds": statistics.median(theirs),
            "speed_ratio": statistics.median(theirs) / statistics.median(ours)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", choices=["sqlite", "postgresql"])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    environment = dict(os.environ)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="whisperstore-backups-"))
    try:
        rounds = sqlite_rounds if arguments.database == "sqlite" else postgresql_rounds
        print(json.dumps(rounds(arguments, folder, environment), indent=2))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
