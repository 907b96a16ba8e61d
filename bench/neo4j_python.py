#!/usr/bin/env python3
"""Measures the Bolt driver and the graph on Neo4j beside the official Python driver, on the same server.

    cmake --build build/release --target neo4j_bench      # configured with WHISPERSTORE_BUILD_BENCHMARKS=ON
    bench/neo4j_python.py

Each side is a process of its own with one thread: ours is bench/neo4j_bench.cpp, the other one the driver's asyncio
form. They take turns, first a warm-up, then --rounds rounds, and medians are printed as storage_bench --json does:
case, ours, reference, ratio (ours / reference), unit, note.

  neo4j_read_16        nodes of 700 bytes read by their key, 16 in flight; reference: a replay of our bytes by 16 threads
                       and blocking sockets
  neo4j_python_read_1  the milliseconds of a read, one in flight; reference: the Python driver
  neo4j_python_read_16 16 in flight, and the client's CPU time for a read
  neo4j_python_batch   5,000 memories of a user with two relationships each, as one batch; reference: an UNWIND of nodes
                       and one for each type of relationship, in one transaction

The server is the tests' (tests/servers/neo4j, with --fast). The Python driver comes from PyPI into a folder below
~/.cache/whisperstore, which may be removed afterwards.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from sides import PROJECT, Side, print_result, python_with

DRIVER = "neo4j==6.4.1"
SERVER = PROJECT / "tests/servers/neo4j"

# The Python driver's side: the same protocol as neo4j_bench.
WORKER = r'''
import asyncio, json, random, sys, time
from neo4j import AsyncGraphDatabase, READ_ACCESS

READ = "MATCH (n:BenchPoint {id: $id}) RETURN n.id, n.user_id, n.name, n.score, n.body"
NODES = """MERGE (u:PythonUser {id: $user})
WITH u UNWIND $rows AS row
MERGE (m:PythonMemory {id: row.id}) SET m += row"""
REMEMBERS = """MATCH (u:PythonUser {id: $user})
UNWIND $ids AS id MATCH (m:PythonMemory {id: id})
MERGE (u)-[r:REMEMBERS]->(m)
ON CREATE SET r.count = 1, r.last = $now ON MATCH SET r.count = r.count + 1, r.last = $now"""
ABOUT = """UNWIND $rows AS row
MATCH (m:PythonMemory {id: row.id}) MERGE (t:PythonTopic {id: row.topic})
MERGE (m)-[r:ABOUT]->(t)
ON CREATE SET r.count = 1, r.last = $now ON MATCH SET r.count = r.count + 1, r.last = $now"""

async def read(driver, left, number):
    numbers = random.Random(number)
    size = 0
    while left[0] > 0:
        left[0] -= 1
        async with driver.session(default_access_mode=READ_ACCESS) as session:
            result = await session.run(READ, id=numbers.randrange(10000))
            record = await result.single()
            size += len(record[4])
    return size

batches = 0

async def batch(driver, count):
    global batches
    batches += 1
    user = f"bench-{batches}"
    rows = [{"id": f"{user}-{i}", "user_id": user, "importance": 0.5, "channel_id": "bench",
             "content": "what was said then, in about as many words as people use in a message to one another"}
            for i in range(count)]
    now = "2026-01-01T00:00:00.000000Z"
    async def work(tx):
        for text, parameters in ((NODES, {"user": user, "rows": rows}),
                                 (REMEMBERS, {"user": user, "ids": [row["id"] for row in rows], "now": now}),
                                 (ABOUT, {"rows": [{"id": row["id"], "topic": f"bench-{i % 10}"}
                                                   for i, row in enumerate(rows)], "now": now})):
            await (await tx.run(text, parameters)).consume()
    async with driver.session() as session:
        await session.execute_write(work)

async def main(port, user, password):
    async with AsyncGraphDatabase.driver(f"bolt://127.0.0.1:{port}", auth=(user, password)) as driver:
        for label in ("User", "Memory", "Topic"):
            await driver.execute_query(f"CREATE CONSTRAINT python_{label.lower()} IF NOT EXISTS "
                                       f"FOR (n:Python{label}) REQUIRE n.id IS UNIQUE")
        print("ready", flush=True)
        for line in sys.stdin:
            command, count, in_flight = (line.split() + ["1"])[:3]
            cpu, start = time.process_time(), time.perf_counter()
            if command == "read":
                left = [int(count)]
                sizes = await asyncio.gather(*(read(driver, left, number) for number in range(int(in_flight))))
                if sum(sizes) != int(count) * 700:
                    raise SystemExit("nodes are missing or incomplete")
            else:
                await batch(driver, int(count))
            print(json.dumps({"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu}),
                  flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3]))
'''


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=PROJECT / "build/release/bin/neo4j_bench", type=Path)
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--count", default=5000, type=int, help="reads of a round")
    parser.add_argument("--batch", default=5000, type=int, help="memories of a batch")
    return parser.parse_args()


def in_turns(rounds, ours, reference):
    """The answers of both sides; each is a Side and its command."""
    answers = ([], [])
    for number in range(rounds + 1):
        for (side, command), kept in zip((reference, ours), reversed(answers)):
            answer = side.run(command)
            if number > 0:
                kept.append(answer)
    return answers


def measure(options, ours, python):
    def rates(answers, key="seconds"):
        return [options.count / answer[key] for answer in answers]

    for in_flight in (1, 16):
        command = f"read {options.count} {in_flight}"
        mine, others = in_turns(options.rounds, (ours, command), (python, command))
        case = f"neo4j_python_read_{in_flight}"
        if in_flight == 1:
            print_result(case, [1000 / rate for rate in rates(mine)], [1000 / rate for rate in rates(others)], "ms",
                         DRIVER)
        else:
            print_result(case, rates(mine), rates(others), "reads/s", DRIVER)
        print_result(case + "_cpu", [1000 / rate for rate in rates(mine, "cpu_seconds")],
                     [1000 / rate for rate in rates(others, "cpu_seconds")], "CPU ms a read", DRIVER)
    # Not before the server has compiled its code: until then it is faster from round to round.
    reads = f"read {options.count} 16"
    mine, replayed = in_turns(options.rounds, (ours, reads), (ours, f"replay {options.count} 16"))
    print_result("neo4j_read_16", rates(mine), rates(replayed), "reads/s", "the same bytes, 16 threads")
    command = f"batch {options.batch}"
    mine, others = in_turns(options.rounds, (ours, command), (python, command))
    print_result("neo4j_python_batch", [options.batch / answer["seconds"] for answer in mine],
                 [options.batch / answer["seconds"] for answer in others], "memories/s", DRIVER)


def main():
    options = arguments()
    python = python_with("bench-neo4j-python", [DRIVER])
    with tempfile.TemporaryDirectory() as folder:
        server = Path(folder) / "server"
        subprocess.run([SERVER, "start", server, "--fast"], check=True)
        try:
            lines = (server / "environment").read_text(encoding="utf-8").splitlines()
            values = dict(line.split("=", 1) for line in lines)
            access = [values["PORT"], values["USERNAME"], values["PASSWORD"]]
            ours = Side([options.program, *access])
            reference = Side([python, "-c", WORKER, *access])
            measure(options, ours, reference)
            ours.end()
            reference.end()
        finally:
            subprocess.run([SERVER, "stop", server], check=True)


if __name__ == "__main__":
    main()
