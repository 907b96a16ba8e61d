"""connected and network."""

import unittest

from cli_support import NOT_FOUND, CommandTest


class Graph(CommandTest):
    def setUp(self):
        super().setUp()
        self.import_sample()

    def test_connected_memories_are_the_users_own(self):
        found = self.json("connected", "mira")
        self.assertEqual(len(found), 36)
        self.assertTrue(all(memory["properties"]["user_id"] == "mira" for memory in found))
        self.assertEqual(list(found[0]),
                         ["memory_id", "content", "properties", "depth", "relationship_types", "importance"])

    def test_words_and_bounds_choose_among_them(self):
        cello = self.json("connected", "mira", "--context", "CELLO")
        self.assertEqual(len(cello), 2)
        self.assertTrue(all("cello" in memory["content"] for memory in cello))
        self.assertEqual(len(self.json("connected", "mira", "--limit", "3")), 3)
        self.assertTrue(all(memory["depth"] == 1 for memory in self.json("connected", "mira", "--depth", "1")))
        self.assertIn("play the cello", self.text("connected", "mira", "--context", "cello"))

    def test_nothing_connected_is_an_empty_list(self):
        self.assertEqual(self.json("connected", "mira", "--context", "xylophone"), [])
        result = self.run_command("connected", "mira", "--context", "xylophone")
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        self.assertIn("xylophone", result.stderr)

    def test_the_network_has_nodes_edges_and_counts(self):
        network = self.json("network", "mira")
        self.assertEqual(network["user_id"], "mira")
        self.assertEqual(network["counts"]["REMEMBERS"], 36)
        self.assertEqual(len(network["nodes"]), 37)
        self.assertFalse(network["truncated"])
        self.assertTrue(self.json("network", "mira", "--limit", "5")["truncated"])
        self.assertIn("37 nodes", self.text("network", "mira"))

    def test_an_unknown_user_is_not_found_and_those_there_are_named(self):
        for command in ("connected", "network"):
            error = self.json_error(command, "nobody", code=NOT_FOUND)
            self.assertEqual(error["code"], "not_found")
            self.assertIn("jonas, mira, tomas", error["message"])


if __name__ == "__main__":
    unittest.main()
