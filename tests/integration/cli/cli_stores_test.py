"""detect, config show, init and status."""

import unittest

from cli_support import CommandTest


class Detect(CommandTest):
    def test_the_environment_and_its_tier(self):
        self.environment["KUBERNETES_SERVICE_HOST"] = "10.0.0.1"
        found = self.json("detect")
        self.assertEqual(found["environment"], "kubernetes")
        self.assertEqual(found["scale_tier"], 4)
        self.assertGreater(found["resources"]["memory_gb"], 0)
        self.assertGreater(found["resources"]["cpu_cores"], 0)
        self.assertEqual(found["backends"]["database"], "postgresql_cluster")
        self.assertIn("kubernetes", self.text("detect"))

    def test_it_works_whatever_is_set(self):
        self.environment["WHISPERENGINE_CACHE_TYPE"] = "nonsense"
        self.assertIn("scale_tier", self.json("detect"))


class ConfigShow(CommandTest):
    def test_every_setting_has_a_value_and_an_origin(self):
        shown = self.json("config", "show")
        settings = {item["variable"]: item for item in shown["settings"]}
        self.assertEqual(settings["WHISPERENGINE_DATA_DIR"]["value"], str(self.data))
        self.assertEqual(settings["WHISPERENGINE_DATA_DIR"]["origin"], "environment WHISPERENGINE_DATA_DIR")
        self.assertEqual(settings["WHISPERENGINE_DATABASE_TYPE"]["value"], "sqlite")
        self.assertTrue(all(item["origin"] for item in settings.values()))
        text = self.text("config", "show")
        self.assertTrue(all(variable in text for variable in settings))

    def test_secrets_are_never_shown(self):
        self.environment["POSTGRES_PASSWORD"] = "hunter2"
        self.environment["WHISPERENGINE_DATABASE_TYPE"] = "postgresql"
        self.assertNotIn("hunter2", self.text("config", "show"))
        self.assertNotIn("hunter2", self.text("config", "show", "--json"))

    def test_it_creates_nothing(self):
        self.text("config", "show")
        self.assertFalse(self.data.exists())


class Init(CommandTest):
    def test_it_creates_schema_and_collections_and_again_changes_nothing(self):
        first = self.json("init")
        self.assertEqual(first["collections"], ["emotional_contexts", "global_facts", "user_memories"])
        self.assertEqual(first["backends"], {"database": "sqlite", "vector_database": "local_qdrant",
                                             "cache": "memory", "graph_database": "sqlite"})
        self.assertTrue(first["created"])
        self.json("sql", "INSERT INTO users (user_id, username) VALUES ('u', 'U')")
        self.assertFalse(self.json("init")["created"])
        self.assertEqual(self.scalar("SELECT count(*) FROM users"), 1)
        self.assertIn("there already", self.text("init"))


class Status(CommandTest):
    def test_health_contents_and_metrics_of_each_component(self):
        self.import_sample()
        status = self.json("status")
        self.assertEqual(status["status"], "ok")
        self.assertEqual([part["component"] for part in status["components"]],
                         ["database", "vector_database", "cache", "graph_database"])
        self.assertEqual(status["rows"]["messages"], 215)
        self.assertEqual(status["metrics"]["vector_database"]["total_documents"], 215)
        for layer, key in (("database", "connection_pool_size"), ("database", "error_rate"),
                           ("vector_database", "search_response_time_avg"), ("cache", "cache_hit_rate")):
            self.assertIn(key, status["metrics"][layer])
        text = self.text("status")
        self.assertIn("Storage is ok", text)
        self.assertRegex(text, r"messages +215\n")
        self.assertRegex(text, r"user_memories +215 ")

    def test_a_graph_that_is_switched_off_is_disabled(self):
        self.environment["WHISPERENGINE_GRAPH_DB_TYPE"] = "none"
        self.text("init")
        graph = self.json("status")["components"][3]
        self.assertEqual(graph["status"], "disabled")
        self.assertEqual(self.json_error("connected", "mira", code=2)["code"], "unsupported")


if __name__ == "__main__":
    unittest.main()
