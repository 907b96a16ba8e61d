#!/usr/bin/env python3
"""Measures the conversation cache on Redis beside redis-py's asyncio client with its C parser, on the same server.

    cmake --build build/release --target redis_cache_bench   # configured with WHISPERSTORE_BUILD_BENCHMARKS=ON
    bench/redis_python.py

Each side is a process of its own with one connection and one thread, and does the same: the same scripts on the same
keys, JSON made of each message or read into one. Ours has --in-flight coroutines with one operation each. redis-py does
what is fastest with it: so many operations are sent as one pipeline, then the next. The sides take turns, first a
warm-up, then --rounds rounds, and medians are printed as storage_bench --json does.

The server is one of its own, unless WHISPERSTORE_BENCH_REDIS names one. redis-py comes from PyPI into a folder below
~/.cache/whisperstore, which may be removed afterwards.
"""

import argparse
import tempfile
from pathlib import Path

from sides import Figures, PROJECT, Side, print_result, python_with

PACKAGES = ["redis==5.2.1", "hiredis==3.1.0"]

# redis-py's side: the same protocol as redis_cache_bench.
WORKER = r'''
import asyncio, json, sys, time
from datetime import datetime, timedelta, timezone
import redis.asyncio

CHANNELS, CONTEXT, KEPT = 200, 15, 50
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
START_US = int(START.timestamp()) * 1000000

def channel(number):
    return str(1180000000000000000 + number * 77 % CHANNELS)

def tag(name):
    value = 14695981039346656037
    for byte in name.encode():
        value = ((value ^ byte) * 1099511628211) & 0xFFFFFFFFFFFFFFFF
    return "{whisperstore:%d}" % (value % 256)

TAGS = {channel(number): tag(channel(number)) for number in range(CHANNELS)}

def sortable(value):
    return "%016x" % (value ^ 1 << 63)

def add(pipeline, number, sha):
    name = channel(number)
    tag = TAGS[name]
    time = (START + timedelta(milliseconds=number)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    id = 1190000000000000000 + number
    value = json.dumps({"v": 1, "message_id": str(id), "user_id": "user-1", "username": "Ada", "content": "x" * 120,
                        "timestamp": time, "is_bot": False, "reply_to": None, "attachments": [], "metadata": {}})
    pipeline.evalsha(sha, 4, tag + "c" + name, tag + "r", tag + "e", tag + "a", name, KEPT, 36000000,
                     sortable(START_US + number * 1000), sortable(id), value)

def get(pipeline, number, sha):
    name = channel(number)
    pipeline.evalsha(sha, 1, TAGS[name] + "c" + name, CONTEXT, "", "0", "0")

async def main(port, adding, getting, in_flight):
    client = redis.asyncio.Redis(port=port, protocol=3, max_connections=1)
    next_number = 2000000000
    await client.ping()
    print("ready", flush=True)
    for line in sys.stdin:
        what, count = line.split()
        start = time.perf_counter()
        for first in range(0, int(count), in_flight):
            pipeline = client.pipeline(transaction=False)
            for number in range(first, first + in_flight):
                if what == "add":
                    add(pipeline, next_number, adding)
                    next_number += 1
                else:
                    get(pipeline, number, getting)
            answers = await pipeline.execute()
            if what == "get":
                for answer in answers:
                    messages = [json.loads(value) for value in answer[2]]
                    if len(messages) != CONTEXT:
                        raise SystemExit("messages are missing")
        print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)

asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
'''


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=PROJECT / "build/release/bin/redis_cache_bench", type=Path)
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--count", default=32000, type=int, help="operations of a round")
    parser.add_argument("--in-flight", default=64, type=int)
    return parser.parse_args()


def main():
    options = arguments()
    python = python_with("bench-redis-py", PACKAGES)
    with tempfile.TemporaryDirectory() as folder:
        ours = Side([options.program, folder, options.in_flight])
        reference = Side([python, "-c", WORKER, *ours.first_line.split(), options.in_flight])
        figures = {(side, what): Figures() for side in (reference, ours) for what in ("add", "get")}
        for round_number in range(options.rounds + 1):
            for what in ("add", "get"):
                for side in (reference, ours):
                    answer = side.run(what, options.count)
                    if round_number > 0:
                        figures[side, what].add(options.count, answer)
        reference.end()
        ours.end()
    for what in ("add", "get"):
        print_result(f"redis_python_{what}_{options.in_flight}", figures[ours, what].rates,
                     figures[reference, what].rates, "ops/s",
                     f"redis-py asyncio with hiredis, pipelines of {options.in_flight}")


if __name__ == "__main__":
    main()
