"""connected, network, graph export and graph import."""

import json
import unittest
import xml.etree.ElementTree

from cli_support import DAMAGED, EXISTS, NOT_FOUND, USAGE, CommandTest


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

    def test_the_network_is_a_graph_for_graphviz_and_a_picture(self):
        dot = self.text("network", "mira", "--format", "dot")
        self.assertTrue(dot.startswith("digraph network {\n"), dot)
        self.assertEqual(dot.count(" -> "), 36)
        self.assertIn('[label="Mira", shape=ellipse', dot)
        svg = self.text("network", "mira", "--format", "svg", "--limit", "10")
        root = xml.etree.ElementTree.fromstring(svg)
        self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
        self.assertIn("REMEMBERS", svg)
        self.environment["PATH"] = str(self.folder)
        self.assertIn("install Graphviz", self.error("network", "mira", "--format", "svg", code=USAGE))
        self.assertEqual(self.text("network", "mira", "--format", "dot"), dot)

    def test_labels_are_no_way_into_graphviz(self):
        self.import_message("eve", '"]; evil -> node; \\n & <b>')
        dot = self.text("network", "eve", "--format", "dot")
        self.assertIn('label="\\"]; evil -> node; \\\\n &amp; <b>"', dot)
        xml.etree.ElementTree.fromstring(self.text("network", "eve", "--format", "svg"))

    def test_the_graph_goes_to_a_file_and_back(self):
        file = self.folder / "mira.graph"
        report = self.json("graph", "export", file)
        self.assertEqual(report["nodes"], self.scalar("SELECT count(*) FROM graph_nodes"))
        self.assertEqual(report["relationships"], self.scalar("SELECT count(*) FROM relationships"))
        text = file.read_text(encoding="utf-8")
        self.assertEqual(self.text("graph", "export"), text)
        self.assertEqual(json.loads(text.splitlines()[-1]), report)
        self.error("graph", "export", file, code=EXISTS)
        before = self.json("network", "mira", "--depth", "4")

        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.folder / "other")
        self.assertEqual(self.json("graph", "import", file), report)
        self.assertEqual(self.json("network", "mira", "--depth", "4"), before)
        self.assertEqual(json.loads(self.text("--json", "graph", "import", "-", text_in=text)), report)
        self.assertEqual(self.json("network", "mira", "--depth", "4"), before)
        self.assertEqual(sorted(self.text("graph", "export").splitlines()), sorted(text.splitlines()))

    def test_files_that_are_no_graphs_are_refused(self):
        self.error("graph", "import", self.folder / "absent", code=NOT_FOUND)
        text = self.text("graph", "export")
        for content, code in (("", USAGE), ("{}\n", USAGE), (text[:-1].rpartition("\n")[0] + "\n", DAMAGED),
                              (text.replace("REMEMBERS", "remembers"), USAGE)):
            file = self.folder / "broken"
            file.write_text(content, encoding="utf-8")
            self.error("graph", "import", file, code=code)


if __name__ == "__main__":
    unittest.main()
