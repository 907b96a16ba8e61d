"""Every command that touches vectors, over Chroma: what it prints is what it prints over the embedded engine."""

import json
import os
import pathlib
import time
import unittest
import urllib.error
import urllib.request
import uuid

from cli_support import NOT_FOUND, QUESTION_VECTORS, UNAVAILABLE, CommandTest

SERVERS = pathlib.Path(os.environ["WHISPERSTORE_TEST_CHROMA"])


def server():
    """What tests/servers/chroma wrote about the server of this run."""
    lines = (SERVERS / "environment").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


class ChromaTest(CommandTest):
    """A database of its own for each test."""

    def setUp(self):
        super().setUp()
        self.server = server()
        self.port = self.server["PORT"]
        self.tenant = "cli-" + uuid.uuid4().hex
        self.ask("POST", "tenants", {"name": self.tenant})
        self.ask("POST", f"tenants/{self.tenant}/databases", {"name": "database"})
        self.addCleanup(self.ask, "DELETE", f"tenants/{self.tenant}/databases/database")
        self.use_server()

    def ask(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/v2/{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"content-type": "application/json"})
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    answer.read()
                return
            except urllib.error.HTTPError as error:
                # Chroma's own database is locked for a moment when other tests make and delete theirs.
                if error.code != 500 or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def use(self, kind, **settings):
        for name in [name for name in self.environment if name.startswith("CHROMADB_")]:
            del self.environment[name]
        self.environment["WHISPERENGINE_VECTOR_DB_TYPE"] = kind
        self.environment.update(settings)

    def use_server(self):
        self.use("http_chromadb", CHROMADB_URL=f"http://127.0.0.1:{self.port}", CHROMADB_TENANT=self.tenant,
                 CHROMADB_DATABASE="database")

    def use_deployment(self):
        self.use("distributed_chromadb", CHROMADB_NODES=f"127.0.0.1:{self.port},localhost:{self.port}",
                 CHROMADB_TENANT=self.tenant, CHROMADB_DATABASE="database")

    def use_own_server(self, folder):
        self.use("local_chromadb", CHROMADB_COMMAND=self.server["PROGRAM"])
        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.folder / folder)

    def use_embedded(self, folder):
        self.use("local_qdrant")
        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.folder / folder)


class Commands(ChromaTest):
    def test_everything_answers_as_over_the_embedded_engine(self):
        questions = [("recall", "--vectors", QUESTION_VECTORS, "--row", "3"),
                     ("recall", "--vectors", QUESTION_VECTORS, "--row", "1", "--user", "mira", "--limit", "20"),
                     ("recall", "--vectors", QUESTION_VECTORS, "--filter", '{"timestamp": {"$gt": "2026-03-20T00:00:00Z"}}')]

        def answers():
            found = [self.json(*question) for question in questions]
            return [[(memory["id"], memory["content"], memory["metadata"], round(memory["score"], 4))
                     for memory in answer] for answer in found]

        self.import_sample()
        self.assertFalse((self.data / "vectors").exists())
        over_chroma = answers()
        self.assertTrue(all(over_chroma))
        self.use_deployment()
        self.assertEqual(answers(), over_chroma)
        self.use_own_server("own")
        self.import_sample()
        self.assertTrue((self.folder / "own/chromadb/chroma.sqlite3").exists())
        self.assertEqual(answers(), over_chroma)
        self.use_embedded("embedded")
        self.import_sample()
        self.assertEqual(answers(), over_chroma)

    def test_status_shows_the_server(self):
        self.import_sample()
        status = self.json("status")
        vectors = status["components"][1]
        self.assertEqual((vectors["type"], vectors["endpoints"], vectors["status"]),
                         ("http_chromadb", [f"127.0.0.1:{self.port}"], "ok"))
        self.assertEqual(status["metrics"]["vector_database"]["total_documents"], 215)

    def test_a_backup_moves_to_a_laptop_and_back(self):
        self.import_sample()
        question = ("recall", "--vectors", QUESTION_VECTORS, "--row", "2")
        before = [memory["id"] for memory in self.json(*question)]
        backup = self.folder / "backup"
        manifest = self.json("backup", "create", backup)
        self.assertIn("http_chromadb", [component["backend"] for component in manifest["components"]])
        self.use_own_server("laptop")
        self.text("backup", "restore", backup)
        self.assertEqual([memory["id"] for memory in self.json(*question)], before)
        self.text("backup", "create", self.folder / "from_laptop")
        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.data)
        self.use_server()
        self.text("backup", "restore", self.folder / "from_laptop")
        self.assertEqual([memory["id"] for memory in self.json(*question)], before)


class WhatIsMissing(ChromaTest):
    def test_a_server_that_is_not_there(self):
        self.use("http_chromadb", CHROMADB_URL="http://127.0.0.1:9")
        message = self.error("init", code=UNAVAILABLE)
        self.assertIn("Connection refused (127.0.0.1:9)", message)
        self.assertIn("chroma run --path", message)

    def test_a_program_that_is_not_there(self):
        self.use_own_server("own")
        self.environment["CHROMADB_COMMAND"] = str(self.folder / "no-such-program")
        message = self.error("init", code=NOT_FOUND)
        self.assertIn("pip install chromadb", message)

    def test_a_database_that_is_not_there(self):
        self.environment["CHROMADB_DATABASE"] = "elsewhere"
        message = self.error("init", code=NOT_FOUND)
        self.assertIn("'elsewhere'", message)

    def test_collections_that_are_not_there(self):
        self.error("recall", "--vectors", QUESTION_VECTORS, code=NOT_FOUND)


if __name__ == "__main__":
    unittest.main()
