#!/usr/bin/env python3
"""Replays what was recorded of a real Qdrant server, in order, and compares every answer.

  qdrant_records_test.py STAND_IN RECORD     STAND_IN is tests/servers/qdrant, RECORD a file of servers/records in the
                                             shared data; without it the test is skipped.

The answers must have the recorded status, content type, fields and values. What cannot be the same twice is compared
by its kind only: times, snapshots' names and sizes, peers' ids, telemetry, metrics' values, how many segments the
machine's processors made of a collection, and the order of points with one score. Where QDRANT_URL names a real server
(and QDRANT_API_KEY its key), it is asked instead of a stand-in; it must have no collections.
"""

import http.client
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("WHISPERSTORE_SHARED") or PROJECT.parent / "shared")
SKIPPED = 77
API_KEY = "k3y"
SECONDS = 30
ANY = {"time", "usage", "creation_time", "size", "checksum", "peer_id", "segments_count", "commit"}
SNAPSHOT = re.compile(r"mem-\d+-\d{4}(-\d\d){5}\.snapshot")
SINGLE_PRECISION = 1e-6

# Here the limit cuts between points of one score. Which of them are before it is decided, at random, when their
# collection is made: the record, which makes and deletes it, is replayed until it is as it was then.
UNDECIDED = {"query fusion rrf", "query fusion dbsf", "query batch dense and sparse"}
ATTEMPTS = 40


class Server:
    def __init__(self, url, api_key):
        parts = urllib.parse.urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connect = lambda: kind(parts.hostname, parts.port, timeout=SECONDS)
        self._base = parts.path.rstrip("/")
        self._api_key = api_key
        self._connection = self._connect()

    def _headers(self, name):
        """The recorded calls differ in their keys only by what they are called."""
        if name == "no api key":
            return {}
        if name == "wrong api key":
            return {"api-key": "wrong"}
        if name == "bearer":
            return {"Authorization": f"Bearer {self._api_key}"}
        return {"api-key": self._api_key} if self._api_key else {}

    def ask(self, call):
        body, headers = None, self._headers(call["name"])
        if call["request"] is not None:
            request = call["request"]
            body = request["raw"] if list(request) == ["raw"] else json.dumps(request)
            headers["Content-Type"] = "application/json"
        for attempt in (1, 2):
            try:
                self._connection.request(call["method"], self._base + call["path"], body, headers)
                response = self._connection.getresponse()
                break
            except (http.client.RemoteDisconnected, BrokenPipeError):
                # A server may end a connection that had nothing to do.
                self._connection = self._connect()
                if attempt == 2:
                    raise
        text = response.read().decode()
        content_type = response.getheader("Content-Type")
        return response.status, content_type, json.loads(text) if content_type == "application/json" else text


def same_number(recorded, answered):
    if isinstance(recorded, bool) or isinstance(answered, bool):
        return recorded is answered
    if isinstance(recorded, int) and isinstance(answered, int):
        return recorded == answered
    return math.isclose(recorded, answered, rel_tol=SINGLE_PRECISION, abs_tol=SINGLE_PRECISION)


def is_scored(items):
    return bool(items) and all(isinstance(item, dict) and "score" in item for item in items)


def by_score(items):
    """Best first, and those of one score by their ids: their order is nobody's promise."""
    return sorted(items, key=lambda item: (-round(item["score"], 5), str(item["id"])))


def differences(recorded, answered, place=""):
    """What is not as recorded, as lines of text."""
    if isinstance(recorded, dict) and isinstance(answered, dict):
        for name in recorded.keys() | answered.keys():
            if name in ANY:
                if name in recorded and name not in answered:
                    yield f"{place}.{name}: missing"
            elif name not in recorded:
                yield f"{place}.{name}: {answered[name]!r}, which is not in the record"
            elif name not in answered:
                yield f"{place}.{name}: missing"
            else:
                yield from differences(recorded[name], answered[name], f"{place}.{name}")
    elif isinstance(recorded, list) and isinstance(answered, list):
        if len(recorded) != len(answered):
            yield f"{place}: {len(answered)} items instead of {len(recorded)}"
            return
        if is_scored(recorded) and is_scored(answered):
            if any(left["score"] < right["score"] for left, right in zip(answered, answered[1:])):
                yield f"{place}: not best first"
            recorded, answered = by_score(recorded), by_score(answered)
        for index, (left, right) in enumerate(zip(recorded, answered)):
            yield from differences(left, right, f"{place}[{index}]")
    elif isinstance(recorded, (int, float)) and isinstance(answered, (int, float)):
        if not same_number(recorded, answered):
            yield f"{place}: {answered!r} instead of {recorded!r}"
    elif isinstance(recorded, str) and SNAPSHOT.fullmatch(recorded):
        if not isinstance(answered, str) or not SNAPSHOT.fullmatch(answered):
            yield f"{place}: {answered!r} is no name of a snapshot"
    elif recorded != answered:
        yield f"{place}: {answered!r} instead of {recorded!r}"


def metric_lines(text):
    """A text of metrics without its values."""
    return [line if line.startswith("#") else line.rpartition(" ")[0] for line in text.splitlines()]


def compare(call, status, content_type, answer):
    if status != call["status"]:
        yield f"status {status} instead of {call['status']}: {answer!r}"
        return
    if content_type != call["content_type"]:
        yield f"content type {content_type} instead of {call['content_type']}"
    recorded = call["response"]
    if call["name"] == "telemetry":
        if not isinstance(answer, dict) or not isinstance(answer.get("result"), dict):
            yield f"no telemetry: {answer!r}"
    elif call["name"] == "metrics text":
        wanted = metric_lines(recorded)[:-1]  # The record ends somewhere in a line.
        if metric_lines(answer)[:len(wanted)] != wanted:
            yield f"other metrics:\n{answer}"
    else:
        yield from differences(recorded, answer)


def replay(calls, server):
    """How many answers were as recorded; prints what was not."""
    for _ in range(ATTEMPTS):
        found = {number: list(compare(call, *server.ask(call))) for number, call in enumerate(calls, 1)}
        wrong = [number for number, lines in found.items() if lines]
        if not wrong or not all(calls[number - 1]["name"] in UNDECIDED for number in wrong):
            break
    for number in wrong:
        for line in found[number]:
            print(f"{number} {calls[number - 1]['name']!r}: {line}")
    return len(calls) - len(wrong)


def remove_what_is_left(calls, server):
    for call in calls:
        if call["method"] == "PUT" and call["status"] == 200 and call["path"].count("/") == 2:
            server.ask({"name": "", "method": "DELETE", "path": call["path"], "request": None})


def started(stand_in, folder):
    subprocess.run([stand_in, "start", folder, "--api-key", API_KEY], check=True, timeout=SECONDS)
    values = dict(line.split("=", 1) for line in (Path(folder) / "environment").read_text().splitlines())
    return Server(f"{values['SCHEME']}://127.0.0.1:{values['PORTS']}", values["API_KEY"])


def main():
    stand_in, record = sys.argv[1:]
    path = SHARED / "servers/records" / record
    if not path.exists():
        print(f"{path} is not there")
        sys.exit(SKIPPED)
    calls = json.loads(path.read_text(encoding="utf-8"))["calls"]
    if os.environ.get("QDRANT_URL"):
        server = Server(os.environ["QDRANT_URL"], os.environ.get("QDRANT_API_KEY", ""))
        good = replay(calls, server)
        remove_what_is_left(calls, server)
    else:
        folder = Path(tempfile.mkdtemp(prefix="whisperstore-qdrant-")) / "server"
        try:
            good = replay(calls, started(stand_in, folder))
            log = (folder / "log").read_text(errors="replace")
            if log:
                sys.exit(f"the server complained:\n{log}")
        finally:
            subprocess.run([stand_in, "stop", folder], check=True, timeout=SECONDS)
            folder.parent.rmdir()
    print(f"{good} of {len(calls)}")
    sys.exit(good != len(calls))


if __name__ == "__main__":
    main()
