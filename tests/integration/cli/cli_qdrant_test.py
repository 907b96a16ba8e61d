"""Every command that touches vectors, over Qdrant: what it prints is what it prints over the embedded engine."""

import http.client
import os
import pathlib
import unittest
import uuid

from cli_support import NOT_FOUND, QUESTION_VECTORS, REFUSED, UNAVAILABLE, CommandTest

SERVERS = pathlib.Path(os.environ["WHISPERSTORE_TEST_QDRANT"])


def server():
    """What tests/servers/qdrant wrote about the stand-in of this run."""
    lines = (SERVERS / "environment").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


class QdrantTest(CommandTest):
    """A part of the server of its own for each test."""

    def setUp(self):
        super().setUp()
        self.server = server()
        self.ports = self.server["PORTS"].split(",")
        self.path = "/t/cli-" + uuid.uuid4().hex
        self.addCleanup(self.drop)
        self.use_qdrant()

    def drop(self):
        connection = http.client.HTTPConnection("127.0.0.1", int(self.ports[0]), timeout=30)
        connection.request("DELETE", self.path, headers={"api-key": self.server["API_KEY"]})
        connection.getresponse().read()
        connection.close()

    def use_qdrant(self):
        self.environment["WHISPERENGINE_VECTOR_DB_TYPE"] = "http_qdrant"
        self.environment["QDRANT_URL"] = f"http://127.0.0.1:{self.ports[0]}{self.path}"
        self.environment["QDRANT_API_KEY"] = self.server["API_KEY"]

    def use_cluster(self):
        self.environment["WHISPERENGINE_VECTOR_DB_TYPE"] = "distributed_qdrant"
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        self.environment["QDRANT_URL"] = f"http://{hosts}{self.path}"

    def use_local(self, folder):
        for name in [name for name in self.environment if name.startswith("QDRANT_")]:
            del self.environment[name]
        del self.environment["WHISPERENGINE_VECTOR_DB_TYPE"]
        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.folder / folder)


class Commands(QdrantTest):
    def test_everything_answers_as_over_the_embedded_engine(self):
        questions = [("recall", "--vectors", QUESTION_VECTORS, "--row", "3"),
                     ("recall", "--vectors", QUESTION_VECTORS, "--row", "1", "--user", "mira", "--limit", "20"),
                     ("recall", "--vectors", QUESTION_VECTORS, "--filter", '{"timestamp": {"$gt": "2026-03-20T00:00:00Z"}}')]

        def answers():
            found = [self.json(*question) for question in questions]
            return [[(memory["id"], memory["content"], memory["metadata"], round(memory["score"], 5))
                     for memory in answer] for answer in found]

        self.import_sample()
        self.assertFalse((self.data / "vectors").exists())
        over_qdrant = answers()
        self.assertTrue(all(over_qdrant))
        self.use_cluster()
        self.assertEqual(answers(), over_qdrant)
        self.use_local("local")
        self.import_sample()
        self.assertEqual(answers(), over_qdrant)

    def test_texts(self):
        self.use_model()
        self.text("remember", "mira", "The key is under the flower pot")
        self.text("remember", "jonas", "My bicycle has a flat tyre")
        found = self.json("recall", "Where is the key?", "--limit", "1")
        self.assertIn("flower pot", found[0]["content"])

    def test_status_shows_the_server(self):
        self.import_sample()
        status = self.json("status")
        vectors = status["components"][1]
        self.assertEqual((vectors["type"], vectors["endpoints"], vectors["status"]),
                         ("http_qdrant", [f"127.0.0.1:{self.ports[0]}"], "ok"))
        self.assertEqual(status["metrics"]["vector_database"]["total_documents"], 215)
        self.use_cluster()
        self.assertRegex(self.text("status"), rf"distributed_qdrant +ok .* 127\.0\.0\.1:{self.ports[0]}")

    def test_a_backup_moves_to_a_laptop_and_back(self):
        self.import_sample()
        question = ("recall", "--vectors", QUESTION_VECTORS, "--row", "2")
        before = [memory["id"] for memory in self.json(*question)]
        backup = self.folder / "backup"
        manifest = self.json("backup", "create", backup)
        self.assertIn("http_qdrant", [component["backend"] for component in manifest["components"]])
        self.use_local("laptop")
        self.text("backup", "restore", backup)
        self.assertEqual([memory["id"] for memory in self.json(*question)], before)
        self.text("backup", "create", self.folder / "from_laptop")
        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.data)
        self.use_qdrant()
        self.text("backup", "restore", self.folder / "from_laptop")
        self.assertEqual([memory["id"] for memory in self.json(*question)], before)


class WhatIsMissing(QdrantTest):
    def test_a_server_that_is_not_there(self):
        self.environment["QDRANT_URL"] = "http://127.0.0.1:9"
        message = self.error("init", code=UNAVAILABLE)
        self.assertIn("Connection refused (127.0.0.1:9)", message)
        self.assertIn("QDRANT_URL", message)
        self.assertIn("WHISPERENGINE_VECTOR_DB_TYPE=local_qdrant", message)

    def test_a_wrong_key(self):
        self.environment["QDRANT_API_KEY"] = "hunter2hunter2"
        error = self.json_error("init", code=REFUSED)
        self.assertEqual((error["code"], error["native_code"]), ("authentication", "401"))
        self.assertNotIn("hunter2", error["message"])

    def test_collections_that_are_not_there(self):
        self.error("recall", "--vectors", QUESTION_VECTORS, code=NOT_FOUND)


if __name__ == "__main__":
    unittest.main()
