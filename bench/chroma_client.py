#!/usr/bin/env python3
"""Measures HTTPChromaDBManager beside Chroma's own client for Python and beside a replay of its bytes, on one server.

    cmake --build build/release --target chroma_bench   # configured with WHISPERSTORE_BUILD_BENCHMARKS=ON
    bench/chroma_client.py

Each side is a process of its own with one thread: ours, `chromadb` (AsyncHttpClient, the same batches and as many in
flight), and a program that sends ours' requests, made before, and does not look into the answers. They take turns,
first a warm-up, then --rounds rounds: a collection of --documents documents of 384 dimensions is stored in batches of
500, three in flight, then searched --searches times for ten, --in-flight at once. Medians are printed as storage_bench
--json does: case, ours, reference, ratio (ours / reference), unit, note.

The server is one of its own, from the tests (tests/servers/chroma), in memory. chromadb comes from PyPI into a folder
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
CHROMADB = "chromadb==1.5.9"

# The side of chromadb: the same protocol as chroma_bench.
WORKER = r'''
import asyncio, json, random, sys, time
import chromadb, numpy
from chromadb.config import Settings

DIMENSION, BATCH, BATCHES_IN_FLIGHT, LIMIT = 384, 500, 3, 10

def vectors(first, count):
    numbers = numpy.random.default_rng(first)
    made = numbers.standard_normal((count, DIMENSION)).astype("float32")
    return made / numpy.linalg.norm(made, axis=1, keepdims=True)

async def store(client, name, count):
    configuration = {"hnsw": {"space": "cosine", "ef_search": 800, "ef_construction": 200, "max_neighbors": 32}}
    collection = await client.create_collection(name, configuration=configuration, embedding_function=None)
    made = vectors(1, count)
    batches = []
    for begin in range(0, count, BATCH):
        numbers = range(begin, min(count, begin + BATCH))
        batches.append(dict(
            ids=[f"d{n}" for n in numbers],
            embeddings=made[begin:begin + BATCH],
            documents=[f"what somebody said in the conversation of message {n}" for n in numbers],
            metadatas=[{"user_id": f"u{n % 100}", "channel_id": f"c{n % 10}", "importance": n % 1000 / 1000}
                       for n in numbers]))
    left = list(reversed(batches))
    async def work():
        while left:
            await collection.upsert(**left.pop())
    return lambda: asyncio.gather(*(work() for _ in range(BATCHES_IN_FLIGHT)))

async def search(client, name, count, in_flight):
    collection = await client.get_collection(name, embedding_function=None)
    queries = vectors(2, 500)
    left = [count]
    async def work():
        while left[0] > 0:
            left[0] -= 1
            found = await collection.query(query_embeddings=queries[left[0] % 500], n_results=LIMIT,
                                           include=["documents", "metadatas", "distances"])
            if len(found["ids"][0]) != LIMIT:
                raise SystemExit("a search found too few")
    return lambda: asyncio.gather(*(work() for _ in range(in_flight)))

async def nothing():
    pass

async def main(port, in_flight):
    client = await chromadb.AsyncHttpClient(host="127.0.0.1", port=port, settings=Settings(anonymized_telemetry=False))
    print("ready", flush=True)
    for line in sys.stdin:
        what, name, *count = line.split()
        if what == "store":
            work = await store(client, name, int(count[0]))
        elif what == "search":
            work = await search(client, name, int(count[0]), in_flight)
        else:
            await client.delete_collection(name)
            work = nothing
        cpu, start = time.process_time(), time.perf_counter()
        await work()
        print(json.dumps({"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu}), flush=True)

asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
'''


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=PROJECT / "build/release/bin/chroma_bench", type=Path)
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--documents", default=5000, type=int)
    parser.add_argument("--searches", default=2000, type=int)
    parser.add_argument("--in-flight", default=16, type=int)
    return parser.parse_args()


def python_with_chromadb():
    folder = CACHE / "bench-chromadb"
    python = folder / "bin/python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    if subprocess.run([python, "-c", "import chromadb"], capture_output=True, check=False).returncode != 0:
        subprocess.run([python, "-m", "pip", "install", "--quiet", CHROMADB], check=True)
    return python


class Side:
    """A process that does what a line says, and answers how long it took."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.figures = {}
        self.read_line()

    def read_line(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the side {self.name} ended early")
        return line.strip()

    def run(self, what, collection, count=None, keep=False):
        self.process.stdin.write(f"{what} {collection} {count or ''}\n")
        self.process.stdin.flush()
        answer = json.loads(self.read_line())
        if keep:
            self.figures.setdefault(what, []).append(count / answer["seconds"])
            self.figures.setdefault(what + "_cpu", []).append(answer["cpu_seconds"] / count * 1e6)

    def median(self, figure):
        return statistics.median(self.figures[figure])

    def end(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            sys.exit(f"the side {self.name} failed")


def print_result(case, ours, reference, unit, note):
    print(json.dumps({"case": case, "ours": ours, "reference": reference, "ratio": ours / reference, "unit": unit,
                      "note": note}), flush=True)


def measure(options, port):
    sides = [Side("raw", [options.program, "raw", port, options.in_flight]),
             Side("chromadb", [python_with_chromadb(), "-c", WORKER, port, options.in_flight]),
             Side("ours", [options.program, "ours", port, options.in_flight])]
    for round_number in range(options.rounds + 1):
        for side in sides:
            collection = f"bench-{side.name}-{round_number}"
            side.run("store", collection, options.documents, keep=round_number > 0)
            side.run("search", collection, options.searches, keep=round_number > 0)
            side.run("drop", collection)
    raw, client, ours = sides
    for side in sides:
        side.end()
    for what, unit, one in (("store", "documents", "document"), ("search", "searches", "search")):
        print_result(f"chroma_{what}", ours.median(what), raw.median(what), f"{unit}/s", "a replay of the same bytes")
        print_result(f"chroma_{what}_client", ours.median(what), client.median(what), f"{unit}/s", CHROMADB)
        print_result(f"chroma_{what}_cpu", ours.median(what + "_cpu"), client.median(what + "_cpu"),
                     f"us client CPU/{one}", CHROMADB)


def main():
    options = arguments()
    python_with_chromadb()
    servers = PROJECT / "tests/servers/chroma"
    with tempfile.TemporaryDirectory() as folder:
        server = Path(folder) / "server"
        subprocess.run([servers, "start", server], check=True)
        try:
            values = dict(line.split("=", 1) for line in (server / "environment").read_text().splitlines())
            measure(options, int(values["PORT"]))
        finally:
            subprocess.run([servers, "stop", server], check=True)


if __name__ == "__main__":
    main()
