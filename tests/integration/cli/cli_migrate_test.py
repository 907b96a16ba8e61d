"""migrate: from the stores of a laptop to servers and back."""

import json
import os
import pathlib
import random
import re
import signal
import subprocess
import time
import unittest
import urllib.request
import uuid

from cli_support import (CONVERSATION, CONVERSATION_VECTORS, DONE, EXISTS, INTERRUPTED, LIMIT, NOT_FOUND,
                         UNAVAILABLE, USAGE, CommandTest, complaints, events_of)


def started(name):
    """What tests/servers/<name> wrote about the servers of this run."""
    folder = pathlib.Path(os.environ[f"WHISPERSTORE_TEST_{name.upper()}"])
    lines = (folder / "environment").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def quoted(value):
    """As a file with settings has it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class MigrateTest(CommandTest):
    """A deployment of its own on the servers for each test, described by a file with settings."""

    def setUp(self):
        super().setUp()
        self.postgresql, self.qdrant = started("postgresql"), started("qdrant")
        self.redis, self.neo4j = started("redis"), started("neo4j")
        mark = uuid.uuid4().hex
        self.database = "cli_" + mark
        self.psql("postgres", f"CREATE DATABASE {self.database}")
        self.addCleanup(self.psql, "postgres", f"DROP DATABASE {self.database} WITH (FORCE)")
        self.qdrant_url = f"http://127.0.0.1:{self.qdrant['PORTS'].split(',')[0]}/t/cli-{mark}"
        self.addCleanup(self.drop_collections)
        self.server = self.folder / "server.env"
        self.server.write_text("\n".join([
            "WHISPERENGINE_DATABASE_TYPE=postgresql", "POSTGRES_HOST=127.0.0.1",
            f"POSTGRES_PORT={self.postgresql['PRIMARY_PORT']}", f"POSTGRES_USER={self.postgresql['USER']}",
            f"POSTGRES_PASSWORD={quoted(self.postgresql['PASSWORD'])}", f"POSTGRES_DB={self.database}",
            "WHISPERENGINE_VECTOR_DB_TYPE=http_qdrant", f"QDRANT_URL={self.qdrant_url}",
            f"QDRANT_API_KEY={self.qdrant['API_KEY']}",
            "WHISPERENGINE_CACHE_TYPE=redis", "REDIS_HOST=127.0.0.1", f"REDIS_PORT={self.redis['SINGLE']}",
            f"REDIS_PASSWORD={quoted(self.redis['PASSWORD'])}", f"REDIS_KEY_PREFIX=cli-{mark}",
            "WHISPERENGINE_GRAPH_DB_TYPE=neo4j", "NEO4J_HOST=127.0.0.1", f"NEO4J_PORT={self.neo4j['PORT']}",
            f"NEO4J_PASSWORD={self.neo4j['PASSWORD']}", f"NEO4J_NAMESPACE=cli-{mark}",
            "WHISPERENGINE_EMBEDDING_TYPE=none", ""]), encoding="utf-8")

    def psql(self, database, statement):
        environment = dict(os.environ, PGPASSWORD=self.postgresql["PASSWORD"])
        return subprocess.run(["psql", "-q", "-t", "-A", "-h", "127.0.0.1", "-p", self.postgresql["PRIMARY_PORT"], "-U",
                               self.postgresql["USER"], "-d", database, "-c", statement], env=environment, check=True,
                              timeout=LIMIT, capture_output=True, text=True).stdout.strip()

    def drop_collections(self):
        request = urllib.request.Request(self.qdrant_url, method="DELETE", headers={"api-key": self.qdrant["API_KEY"]})
        urllib.request.urlopen(request, timeout=LIMIT).close()

    def events(self, *arguments):
        """The events of a migration that works: those of progress, and the reports."""
        result = self.run_command("--json", "migrate", *arguments)
        self.assertEqual(result.returncode, DONE, result.stderr)
        self.assertEqual(complaints(result.stderr), "")
        told = events_of(result.stderr)
        reports = json.loads(result.stdout)
        self.assertEqual(len([event for event in told if event["event"] == "done"]), len(reports))
        return [event for event in told if event["event"] == "progress"], {one["component"]: one for one in reports}

    @staticmethod
    def hashes(report):
        return {item["name"]: (item["rows"], item["content_hash"]) for item in report["items"]}


class ToServersAndBack(MigrateTest):
    def test_everything_comes_back_as_it_was(self):
        self.import_sample()
        progress, there = self.events("all", "--to", self.server)
        self.assertEqual(set(there), {"database", "vector_db", "graph"}, "a cache in memory has nothing to move")
        self.assertTrue(all(report["verified"] for report in there.values()))
        self.assertEqual({event["phase"] for event in progress}, {"copy", "read", "verify"})
        self.assertEqual(there["database"]["target"], "postgresql")
        messages = self.scalar("SELECT count(*) AS messages FROM messages")
        self.assertEqual(self.psql(self.database, "SELECT count(*) FROM messages"), str(messages))
        self.assertEqual(self.hashes(there["database"])["messages"][0], messages)
        # What the server's application sees is what the laptop's saw.
        connected = self.json("connected", "mira")
        self.assertEqual(self.json("--env-file", self.server, "connected", "mira", data=None), connected)

        again = self.events("all", "--to", self.server)[1]
        self.assertTrue(all(report["already_there"] for report in again.values()))

        back = self.events("all", "--from", self.server, "--to", "other/")[1]
        for component in ("database", "vector_db"):
            self.assertEqual(self.hashes(back[component]), self.hashes(there[component]), component)
        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.folder / "other")
        self.assertEqual(self.json("connected", "mira"), connected)

    def json(self, *arguments, data="", **options):
        """With `data` None the folder of the laptop is not set."""
        if data is not None:
            return super().json(*arguments, **options)
        kept = self.environment.pop("WHISPERENGINE_DATA_DIR")
        try:
            return super().json(*arguments, **options)
        finally:
            self.environment["WHISPERENGINE_DATA_DIR"] = kept

    def test_urls(self):
        self.import_sample()
        url = (f"postgresql://{self.postgresql['USER']}@127.0.0.1:{self.postgresql['PRIMARY_PORT']}/{self.database}")
        self.environment["POSTGRES_PASSWORD"] = self.postgresql["PASSWORD"]
        text = self.text("migrate", "database", "--to", url)
        self.assertIn("Moved the database from sqlite to postgresql, verified", text)
        self.assertIn("messages", text)
        file = self.folder / "copy.db"
        back = self.text("migrate", "database", "--from", url, "--to", f"sqlite:///{file}")
        self.assertIn("Moved the database from postgresql to sqlite, verified", back)
        self.assertTrue(file.exists())


class Targets(MigrateTest):
    def test_a_plan_changes_nothing(self):
        self.import_sample()
        text = self.text("migrate", "vectors", "--to", self.server, "--dry-run")
        self.assertIn("Would move the vectors from local_qdrant to http_qdrant", text)
        self.assertIn("user_memories", text)
        self.assertFalse(self.events("vectors", "--to", self.server)[1]["vector_db"]["already_there"])

    def files(self):
        """All but what SQLite makes beside a database that is read."""
        return sorted(path for path in self.folder.rglob("*") if not path.name.endswith(("-shm", "-wal")))

    def test_a_plan_makes_no_files(self):
        self.import_sample()
        before = self.files()
        for layer in ("database", "vectors", "graph"):
            text = self.text("migrate", layer, "--to", "new/place/", "--dry-run")
            self.assertIn(f"Would move the {layer}", text)
        self.text("migrate", "database", "--to", f"sqlite:///{self.folder / 'new.db'}", "--dry-run")
        self.assertEqual(self.files(), before)
        # Where there is something it is looked at.
        self.events("all", "--to", "old/")
        before = self.files()
        self.assertTrue(self.events("database", "--to", "old/", "--dry-run")[1]["database"]["already_there"])
        self.assertIn("user_memories", self.text("migrate", "vectors", "--to", "old/", "--dry-run"))
        self.assertEqual(self.files(), before)

    def test_a_target_with_something_else_is_refused_merged_or_replaced(self):
        self.import_sample()
        self.text("--data-dir", "other", "init")
        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.folder / "other")
        self.import_message("stranger", "from elsewhere")
        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.data)
        message = self.error("migrate", "database", "--to", "other/", code=EXISTS)
        self.assertIn("--merge, --replace", message)
        self.events("database", "--to", "other/", "--merge")
        query = "SELECT count(*) AS messages FROM messages"
        here = self.scalar(query)
        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.folder / "other")
        self.assertEqual(self.scalar(query), here + 1)
        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.data)
        self.events("database", "--to", "other/", "--replace")
        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.folder / "other")
        self.assertEqual(self.scalar(query), here)

    def test_mistakes(self):
        self.import_sample()
        self.assertIn("allowed are", self.error("migrate", "database", "--to", "nowhere", code=USAGE))
        self.assertIn("allowed are", self.error("migrate", "database", "--to", "mysql://host/db", code=USAGE))
        self.assertIn("--to", self.error("migrate", "database", code=USAGE))
        self.assertIn("memory", self.error("migrate", "cache", "--to", self.server, code=USAGE))
        self.error("migrate", "database", "--to", self.server, "--merge", "--replace", code=USAGE)
        self.error("migrate", "vectors", "--from", "empty/", "--to", self.server, code=NOT_FOUND)


class Interrupted(MigrateTest):
    def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(self):
        messages, vectors = self.write_messages(4000)
        self.text("import", messages, "--embeddings", vectors)
        process = self.start("--json", "migrate", "vectors", "--to", self.server)
        for line in process.stderr:
            event = json.loads(line)
            if event["phase"] == "copy" and event["rows"] > 0:
                break
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, INTERRUPTED, complaint)
        self.assertIn("Run the same command again", complaint)
        report = self.events("vectors", "--to", self.server)[1]["vector_db"]
        self.assertTrue(report["verified"])
        self.assertEqual(self.hashes(report)["user_memories"][0], 4000)


class Killed(MigrateTest):
    """kill -9 at any moment: what has arrived is the source's, and the same command completes it. A run of all tests kills
    each migration four times; WHISPERSTORE_ALL_ROUNDS a hundred times."""

    ROUNDS = 100 if os.environ.get("WHISPERSTORE_ALL_ROUNDS") else 4

    def setUp(self):
        super().setUp()
        messages, vectors = self.write_messages(1500)
        self.text("import", messages, "--embeddings", vectors)
        self.chance = random.Random(os.urandom(8))

    def place(self, kind, number):
        """A target that nothing was moved to yet."""
        if kind == "folder":
            return self.folder / f"target-{number}" / "."
        text = self.server.read_text(encoding="utf-8")
        for name in ("QDRANT_URL", "NEO4J_NAMESPACE", "REDIS_KEY_PREFIX"):
            text = re.sub(f"^({name}=.*)$", rf"\1-{number}", text, flags=re.MULTILINE)
        file = self.folder / f"server-{number}.env"
        file.write_text(text, encoding="utf-8")
        return file

    def kill_often(self, layer, kind, component):
        outcomes = {"untouched or in part": 0, "complete": 0}
        began = time.monotonic()
        expected = self.hashes(self.events(layer, "--to", self.place(kind, "whole"))[1][component])
        duration = time.monotonic() - began
        for number in range(self.ROUNDS):
            place = self.place(kind, number)
            process = self.start("migrate", layer, "--to", place)
            try:
                process.wait(timeout=self.chance.uniform(0, duration))
            except subprocess.TimeoutExpired:
                process.kill()
            process.wait(timeout=LIMIT)
            report = self.events(layer, "--to", place)[1][component]  # refused if anything else were there
            self.assertTrue(report["verified"])
            self.assertEqual(self.hashes(report), expected)
            outcomes["complete" if report["already_there"] else "untouched or in part"] += 1
        print(f"{layer} to {kind}: {self.ROUNDS} kills within {duration:.2f} s: {outcomes}", flush=True)

    def test_vectors_to_files(self):
        self.kill_often("vectors", "folder", "vector_db")

    def test_vectors_to_a_server(self):
        self.kill_often("vectors", "server", "vector_db")

    def test_graph_to_a_server(self):
        self.kill_often("graph", "server", "graph")

    def finish_restore(self, target):
        """Who only reads cannot finish one that was decided, and says so rather than give half of it."""
        result = self.run_command("--json", "migrate", "vectors", "--from", target, "--to", "unused/", "--dry-run")
        if result.returncode == UNAVAILABLE:
            self.assertIn("open it for writing once", complaints(result.stderr))
            self.text("--data-dir", target, "init")
        else:
            self.assertEqual(result.returncode, DONE, result.stderr)

    def test_a_replacement_is_the_old_or_the_new(self):
        new = self.hashes(self.events("vectors", "--to", self.folder / "new" / ".")[1]["vector_db"])
        target = self.folder / "replaced" / "."
        self.text("--data-dir", target, "import", CONVERSATION, "--embeddings", CONVERSATION_VECTORS)
        old = self.hashes(self.events("vectors", "--from", target, "--to", self.folder / "old" / ".")[1]["vector_db"])
        seen = set()
        for number in range(self.ROUNDS):
            source = self.data if number % 2 == 0 else self.folder / "old" / "."
            process = self.start("migrate", "vectors", "--from", source, "--to", target, "--replace")
            try:
                process.wait(timeout=self.chance.uniform(0, 1))
            except subprocess.TimeoutExpired:
                process.kill()
            process.wait(timeout=LIMIT)
            self.finish_restore(target)
            there = self.hashes(self.events("vectors", "--from", target, "--to", self.place("folder", number))[1]["vector_db"])
            self.assertIn(there, [old, new])
            seen.add("old" if there == old else "new")
        print(f"replaced: {self.ROUNDS} kills, seen {sorted(seen)}", flush=True)


if __name__ == "__main__":
    unittest.main()
