#!/usr/bin/env python3
"""Measures the Qdrant manager beside qdrant-client, the official client for Python, on the same server.

    cmake --build build/release --target qdrant_client_bench    # configured with WHISPERSTORE_BUILD_BENCHMARKS=ON
    bench/qdrant_client.py

Each side is a process of its own with one thread. Both store the same batches of 256 documents (384 dimensions, 200
bytes of content, six members of metadata) into an empty collection, --stores-in-flight at a time, and ask the same
questions (ten nearest of a user) of the collection, --searches-in-flight at a time. They take turns, first a warm-up,
then --rounds rounds, and medians are printed as storage_bench --json does: case, ours, reference, ratio
(ours / reference), unit, note. Results that end in _cpu count the CPU time of the client, the server's left out; there
a ratio of 3 says that we need a third of theirs.

The reference is AsyncQdrantClient over REST with connections that are kept. Batches are stored in three ways, and what
takes the least CPU time is the reference: upsert of PointStructs, upsert of a Batch, and upload_points, which is not
asynchronous and sends one batch after the other. It computes no ids and no words, as we do, nor does it order ties.

The server is the tests' stand-in, unless WHISPERSTORE_BENCH_QDRANT_URL names one. qdrant-client comes from PyPI into a
folder below ~/.cache/whisperstore, which may be removed afterwards.
"""

import argparse
import json
import tempfile
from pathlib import Path

from sides import Figures, PROJECT, Side, print_result, python_with

PACKAGES = ["qdrant-client==1.20.0"]  # much cheaper than 1.18, which the version of the stand-in asks for
WAYS = ("points", "batch", "upload")
BATCH = 256

# qdrant-client's side: the same commands as qdrant_client_bench, the ways of storing beside them.
WORKER = r'''
import asyncio, json, sys, time, uuid
import httpx
from qdrant_client import AsyncQdrantClient, models

URL, COLLECTION, FOLDER, CONNECTIONS = sys.argv[1:]
LIMIT = 10

def read_lines(name):
    with open(f"{FOLDER}/{name}", encoding="utf-8") as file:
        return [json.loads(line) for line in file]

def stored_form(document):
    """The same payload as ours."""
    return (str(uuid.uuid5(uuid.NAMESPACE_URL, document["id"])), document["embedding"],
            {"doc_id": document["id"], "content": document["content"], "metadata": document["metadata"]})

MEMORIES = [[stored_form(document) for document in batch] for batch in read_lines("memories.jsonl")]
QUESTIONS = read_lines("questions.jsonl")

def points_of(batch):
    return [models.PointStruct(id=point, vector=vector, payload=payload) for point, vector, payload in batch]

async def upsert_points(client, batch):
    await client.upsert(COLLECTION, points=points_of(batch), wait=True)

async def upsert_batch(client, batch):
    ids, vectors, payloads = map(list, zip(*batch))
    await client.upsert(COLLECTION, wait=True, points=models.Batch(ids=ids, vectors=vectors, payloads=payloads))

async def upload(client, batch):
    client.upload_points(COLLECTION, points_of(batch), batch_size=len(batch), wait=True)

STORE = {"points": upsert_points, "batch": upsert_batch, "upload": upload}

async def ask(client, question):
    user = models.FieldCondition(key="metadata.user_id", match=models.MatchValue(value=question["user_id"]))
    answer = await client.query_points(COLLECTION, query=question["embedding"], limit=LIMIT, with_payload=True,
                                       query_filter=models.Filter(must=[user]))
    if len(answer.points) != LIMIT:
        raise SystemExit("a user's memories are missing")

async def share(left, operation, client, items):
    while left[0] > 0:
        left[0] -= 1
        await operation(client, items[left[0] % len(items)])

async def main():
    connections = int(CONNECTIONS)
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    client = AsyncQdrantClient(url=URL, limits=limits, timeout=60, check_compatibility=False)
    print("ready", flush=True)
    for line in sys.stdin:
        command, count, in_flight = line.split()
        operation, items = (ask, QUESTIONS) if command == "search" else (STORE[command], MEMORIES)
        left = [int(count)]
        cpu, start = time.process_time(), time.perf_counter()
        await asyncio.gather(*(share(left, operation, client, items) for _ in range(int(in_flight))))
        print(json.dumps({"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu}),
              flush=True)
    await client.close()

asyncio.run(main())
'''


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=PROJECT / "build/release/bin/qdrant_client_bench", type=Path)
    parser.add_argument("--directory", default=Path(tempfile.gettempdir()), type=Path,
                        help="where a folder for the server is made, and removed at the end")
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--batches", default=16, type=int, help="of 256 documents, in a round")
    parser.add_argument("--searches", default=2000, type=int, help="of a round")
    parser.add_argument("--stores-in-flight", default=4, type=int)
    parser.add_argument("--searches-in-flight", default=16, type=int)
    return parser.parse_args()


def print_results(case, ours, reference, unit, note):
    print_result(case, ours.rates, reference.rates, f"{unit}/s", note)
    print_result(case + "_cpu", ours.cpu_rates, reference.cpu_rates, f"{unit}/CPU s", note)


def measure_stores(ours, theirs, options):
    figures = {way: Figures() for way in ("ours", *WAYS)}
    for round_number in range(options.rounds + 1):
        for way, own in figures.items():
            ours.run("reset", 0, 0)
            in_flight = 1 if way == "upload" else options.stores_in_flight
            side, command = (ours, "store") if way == "ours" else (theirs, way)
            answer = side.run(command, options.batches, in_flight)
            if round_number > 0:
                own.add(options.batches * BATCH, answer)
    best = max(WAYS, key=lambda way: figures[way].cpu())
    print_results("qdrant_client_store_batches", figures["ours"], figures[best], "documents",
                  f"qdrant-client, {best}, the cheapest of " +
                  ", ".join(f"{way} ({figures[way].cpu():.0f} documents/CPU s)" for way in WAYS))


def measure_searches(ours, theirs, options):
    ours.run("reset", 0, 0)
    ours.run("store", options.batches, 2)
    figures = {side: Figures() for side in (theirs, ours)}
    for round_number in range(options.rounds + 1):
        for side, own in figures.items():
            answer = side.run("search", options.searches, options.searches_in_flight)
            if round_number > 0:
                own.add(options.searches, answer)
    print_results(f"qdrant_client_search_{options.searches_in_flight}", figures[ours], figures[theirs], "searches",
                  "qdrant-client, AsyncQdrantClient.query_points")


def main():
    options = arguments()
    python = python_with("bench-qdrant-client", PACKAGES)
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        ours = Side([options.program, folder, options.batches, 500])
        place = json.loads(ours.first_line)
        theirs = Side([python, "-c", WORKER, place["url"], place["collection"], folder, options.searches_in_flight])
        measure_stores(ours, theirs, options)
        measure_searches(ours, theirs, options)
        theirs.end()
        ours.end()


if __name__ == "__main__":
    main()
