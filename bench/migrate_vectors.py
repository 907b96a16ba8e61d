#!/usr/bin/env python3
"""Measures how vectors are moved from the embedded store to Qdrant and to Chroma, and whose time that takes.

    bench/migrate_vectors.py build/release/bin/whisperstore [--documents 100000] [--rounds 3] [--server qdrant]

A store of random unit vectors of 384 dimensions with texts of 120 bytes is made once; then it is migrated, --rounds times
to each server, each time to a new one. Printed as storage_bench --json does, medians: `ours` is documents a
second of the whole copy, without verification; `reference` is documents a second of the server's CPU time alone, more
than which nobody gets out of it on one processor; `ratio` is therefore the server's share of the time. The note has the
CPU time of both, the rate with verification, and the largest memory of the program.

The servers are those of the tests (tests/servers), Qdrant's being its stand-in.
"""

import argparse
import array
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
OPTIONS = {"qdrant": ["--api-key", "key"], "chroma": []}


def write_store(program, folder, documents):
    """The embedded store, made by an import."""
    chance = random.Random(7)
    messages, vectors = folder / "messages.jsonl", folder / "messages.f32"
    with messages.open("w", encoding="utf-8") as lines, vectors.open("wb") as rows:
        for i in range(documents):
            lines.write(json.dumps({"message_id": i + 1, "channel_id": f"c{i % 100}", "user_id": f"u{i % 1000}",
                                    "username": f"User {i % 1000}", "timestamp": "2026-01-01T00:00:00Z",
                                    "content": f"message {i} ".ljust(120, "x")}) + "\n")
            rows.write(array.array("f", (chance.gauss(0, 1) for _ in range(384))).tobytes())
    subprocess.run([program, "--data-dir", folder / "data", "import", messages, "--embeddings", vectors], check=True,
                   stdout=sys.stderr)


def started(script, folder, *options):
    subprocess.run([PROJECT / "tests/servers" / script, "start", folder, *options], check=True, stdout=sys.stderr)
    return dict(line.split("=", 1) for line in (folder / "environment").read_text(encoding="utf-8").splitlines())


def cpu_of(port):
    """Seconds of CPU time that the process listening on a port has used."""
    wanted = f"{port:04X}"
    inodes = {line.split()[9] for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
              if line.split()[1].endswith(":" + wanted) and line.split()[3] == "0A"}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            links = [os.readlink(link) for link in (process / "fd").iterdir()]
            if any(f"socket:[{inode}]" in links for inode in inodes):
                fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
                return (int(fields[11]) + int(fields[12])) / TICKS
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
    sys.exit(f"nobody listens on port {port}")


def migrate(program, source, target):
    """The report, seconds of CPU time and the largest memory in KiB."""
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryFile("w+") as events:
        process = subprocess.Popen([program, "--json", "migrate", "vectors", "--from", source, "--to", target],
                                   env={**os.environ, "QDRANT_API_KEY": "key"}, stdout=told, stderr=events, text=True)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        events.seek(0)
        if process.returncode != 0:
            sys.exit(f"migrating to {target} failed with {process.returncode}: {events.read()[-2000:]}")
        return json.load(told)[0], usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--server", choices=list(OPTIONS), action="append", help="only this one; may be given again")
    arguments = parser.parse_args()
    program = arguments.program.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_store(program, folder, arguments.documents)
        figures = {server: [] for server in arguments.server or OPTIONS}
        for number in range(arguments.rounds):
            for server in figures:
                place = folder / f"{server}-{number}"
                told = started(server, place, *OPTIONS[server])
                try:
                    port = int(told["PORTS"].split(",")[0] if "PORTS" in told else told["PORT"])
                    spent = cpu_of(port)
                    report, cpu, memory = migrate(program, folder / "data", f"{server}+http://127.0.0.1:{port}")
                    figures[server].append((report, cpu, cpu_of(port) - spent, memory))
                finally:
                    subprocess.run([PROJECT / "tests/servers" / server, "stop", place], check=True, stdout=sys.stderr)
        for server, rounds in figures.items():
            count = arguments.documents
            ours = statistics.median(count / report["copy_seconds"] for report, *_ in rounds)
            whole = statistics.median(count / report["seconds"] for report, *_ in rounds)
            reference = statistics.median(count / spent for _, _, spent, _ in rounds)
            mine = statistics.median(cpu for _, cpu, _, _ in rounds)
            theirs = statistics.median(spent for _, _, spent, _ in rounds)
            memory = max(memory for *_, memory in rounds)
            print(json.dumps({
                "case": f"migrate_vectors_{server}", "ours": ours, "reference": reference, "ratio": ours / reference,
                "unit": "documents/s",
                "note": f"{count} documents; CPU of the server {theirs:.1f} s, ours {mine:.1f} s (both with verification); "
                        f"with verification {whole:.0f} documents/s; memory at most {memory / 1024:.0f} MB"}), flush=True)


if __name__ == "__main__":
    main()
