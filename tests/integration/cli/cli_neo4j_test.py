"""Every command that touches the graph, over Neo4j: what it prints is what it prints over the database's tables."""

import os
import pathlib
import unittest
import uuid

from cli_support import DONE, REFUSED, USAGE, CommandTest

SERVERS = pathlib.Path(os.environ["WHISPERSTORE_TEST_NEO4J"])


def server():
    """What tests/servers/neo4j wrote about the server of this run."""
    lines = (SERVERS / "environment").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


class Neo4jTest(CommandTest):
    """A graph of its own for each test."""

    def setUp(self):
        super().setUp()
        self.server = server()
        self.neo4j = {"WHISPERENGINE_GRAPH_DB_TYPE": "neo4j", "NEO4J_HOST": "127.0.0.1",
                      "NEO4J_PORT": self.server["PORT"], "NEO4J_PASSWORD": self.server["PASSWORD"],
                      "NEO4J_NAMESPACE": "cli-" + uuid.uuid4().hex}

    def use_neo4j(self, **settings):
        self.environment.update(self.neo4j, **settings)

    def use_tables(self, folder):
        for name in [*self.neo4j, "NEO4J_URI", "NEO4J_TLS_CA_FILE"]:
            self.environment.pop(name, None)
        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.folder / folder)


def without_times(network):
    for edge in network["edges"]:
        del edge["last_interaction"]
    return in_order(network)


def in_order(network):
    """Neo4j does not keep the order of properties."""
    for node in network["nodes"]:
        node["properties"] = dict(sorted(node["properties"].items()))
    return network


class Commands(Neo4jTest):
    def answers(self):
        found = [self.json("connected", "mira"), self.json("connected", "mira", "--context", "CELLO", "--depth", "4"),
                 self.json("connected", "jonas", "--limit", "7")]
        return found, [without_times(self.json("network", "mira", "--depth", depth)) for depth in ("1", "2", "3")]

    def test_everything_answers_as_over_the_tables(self):
        self.import_sample()
        expected = self.answers()
        self.use_neo4j(WHISPERENGINE_DATA_DIR=str(self.folder / "beside"))
        self.import_sample()
        self.assertEqual(self.answers(), expected)
        self.assertEqual(self.scalar("SELECT count(*) FROM graph_nodes"), 0)
        self.import_message("mira", "a walk along the canal")
        self.assertIn("a walk along the canal", self.text("connected", "mira", "--context", "CANAL"))
        stores = {component["component"]: component for component in self.json("status")["components"]}
        self.assertEqual(stores["graph_database"]["type"], "neo4j")

    def test_a_graph_moves_up_and_down_again(self):
        self.import_sample()
        expected = in_order(self.json("network", "mira", "--depth", "4"))
        text = self.text("graph", "export")
        self.use_neo4j()
        self.text("graph", "import", "-", text_in=text)
        self.assertEqual(in_order(self.json("network", "mira", "--depth", "4")), expected)
        back = self.text("graph", "export")
        self.assertEqual(len(back.splitlines()), len(text.splitlines()))
        self.use_tables("again")
        self.text("graph", "import", "-", text_in=back)
        self.assertEqual(in_order(self.json("network", "mira", "--depth", "4")), expected)

    def test_tls_and_clusters_are_chosen_by_the_uri(self):
        ca = {"NEO4J_TLS_CA_FILE": self.server["AUTHORITY"]}
        self.use_neo4j(NEO4J_URI=f"bolt+s://127.0.0.1:{self.server['PORT']}", **ca)
        self.import_sample()
        self.assertEqual(len(self.json("connected", "mira")), 36)
        self.use_neo4j(NEO4J_URI=f"neo4j+s://127.0.0.1:{self.server['PORT']}",
                       WHISPERENGINE_GRAPH_DB_TYPE="neo4j_cluster", **ca)
        self.assertEqual(len(self.json("connected", "mira")), 36)
        self.use_neo4j(NEO4J_URI=f"bolt://127.0.0.1:{self.server['PORT']}", WHISPERENGINE_GRAPH_DB_TYPE="neo4j_cluster")
        self.assertIn("neo4j://", self.error("connected", "mira", code=USAGE))

    def test_a_wrong_password_is_told_and_the_other_stores_work(self):
        self.use_neo4j()
        self.text("init")
        self.use_neo4j(NEO4J_PASSWORD="not-the-password")
        message = self.error("connected", "mira", code=REFUSED)
        self.assertNotIn("not-the-password", message)
        self.assertEqual(self.run_command("context", "lounge").returncode, DONE)


if __name__ == "__main__":
    unittest.main()
