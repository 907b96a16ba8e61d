#!/usr/bin/env python3
"""Asks three nodes of a Qdrant stand-in what was recorded of three real ones, before one of those was killed: its nodes
are ports of one process, of which none can die.

  qdrant_cluster_record_test.py STAND_IN

Counts have to be as recorded. What is said of nodes and shards has to be of the recorded form, and to be consistent:
every shard on as many nodes as it has replicas, and every point in one shard.
"""

import json
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

sys.dont_write_bytecode = True  # in the source tree
from qdrant_records_test import API_KEY, SECONDS, SHARED, SKIPPED, Server, differences

POINTS = 300
SHARDS, REPLICAS = 6, 2


def form(value):
    """The names and kinds of a JSON value; of a list those of its first item."""
    if isinstance(value, dict):
        # The keys of peers are their ids.
        items = ["peer" if name.isdecimal() else name for name in value]
        return {name: form(item) for name, item in zip(items, value.values())}
    if isinstance(value, list):
        return [form(item) for item in value[:1]]
    return type(value).__name__


def points():
    """What the record calls "(long)"."""
    return {"points": [{"id": str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))), "vector": [1, number, 0, 1],
                        "payload": {"doc_id": str(number)}} for number in range(POINTS)]}


def inconsistencies(views):
    """Of what every node says of one collection."""
    if any(view["shard_count"] != SHARDS for view in views):
        yield "another number of shards"
    if len({view["peer_id"] for view in views}) != len(views):
        yield "nodes of one id"
    local = [(view["peer_id"], shard["shard_id"]) for view in views for shard in view["local_shards"]]
    for view in views:
        known = [(shard["peer_id"], shard["shard_id"]) for shard in view["remote_shards"]]
        known += [(view["peer_id"], shard["shard_id"]) for shard in view["local_shards"]]
        if sorted(known) != sorted(local):
            yield f"node {view['peer_id']} knows other shards than the nodes have"
    if len(local) != SHARDS * REPLICAS:
        yield f"{len(local)} copies of shards"
    counts = {shard["shard_id"]: shard["points_count"] for view in views for shard in view["local_shards"]}
    if sum(counts.values()) != POINTS:
        yield f"{sum(counts.values())} points in the shards"


def check(calls, nodes):
    """What is not as recorded, as lines of text."""
    for call in calls:
        if call["status"] != 200 or call["name"].startswith("after kill"):
            continue
        if call["request"] == "(long)":
            call = {**call, "request": points()}
        status, _, answer = nodes[call["node"] - 1].ask(call)
        if status != 200:
            yield f"{call['name']!r}: status {status}: {answer!r}"
        elif "cluster" not in call["name"]:
            for line in differences(call["response"], answer):
                yield f"{call['name']!r}: {line}"
        else:
            wanted, found = form(call["response"]["result"]), form(answer["result"])
            wanted.pop("message_send_failures", None)
            found.pop("message_send_failures", None)
            if wanted != found:
                yield f"{call['name']!r}: {found} instead of {wanted}"
    ask = {"name": "", "method": "GET", "path": "/collections/mem/cluster", "request": None}
    yield from inconsistencies([node.ask(ask)[2]["result"] for node in nodes])


def main():
    stand_in = sys.argv[1]
    record = SHARED / "servers/records/qdrant_cluster.json"
    if not record.exists():
        print(f"{record} is not there")
        sys.exit(SKIPPED)
    calls = json.loads(record.read_text(encoding="utf-8"))["calls"]
    folder = Path(tempfile.mkdtemp(prefix="whisperstore-qdrant-")) / "server"
    try:
        subprocess.run([stand_in, "start", folder, "--api-key", API_KEY, "--nodes", "3"], check=True, timeout=SECONDS)
        values = dict(line.split("=", 1) for line in (folder / "environment").read_text().splitlines())
        nodes = [Server(f"http://127.0.0.1:{port}", API_KEY) for port in values["PORTS"].split(",")]
        found = list(check(calls, nodes))
    finally:
        subprocess.run([stand_in, "stop", folder], check=True, timeout=SECONDS)
        folder.parent.rmdir()
    for line in found:
        print(line)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
