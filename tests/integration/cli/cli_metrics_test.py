"""metrics and doctor."""

import pathlib
import re
import stat
import subprocess
import unittest

from cli_support import DONE, FAILED, CommandTest

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE.parent / "metric_names.golden"
PAGE = HERE.parents[2] / "docs" / "metrics.md"


class Metrics(CommandTest):
    def test_the_names_are_those_agreed_on(self):
        lines = [f'{item["name"]} {item["kind"]} {item["labels"]}' for item in self.json("metrics", "--list")]
        self.assertEqual(lines, GOLDEN.read_text().splitlines(),
                         "names of metrics are a promise: change tests/integration/metric_names.golden on purpose only")
        self.assertEqual(len(set(lines)), len(lines))

    def test_the_page_has_the_table(self):
        self.assertIn(self.text("metrics", "--list", "--markdown"), PAGE.read_text(),
                      "docs/metrics.md wants the output of: whisperstore metrics --list --markdown")

    def test_the_document_has_the_references_keys(self):
        self.text("init")
        metrics = self.json("metrics")
        self.assertEqual(set(metrics), {"database", "vector_database", "cache", "timestamp", "extended"})
        self.assertEqual(set(metrics["cache"]), {"cache_hit_rate", "cached_channels", "total_cached_messages",
                                                 "memory_usage_mb", "extended"})
        self.assertGreater(metrics["database"]["extended"]["file"]["bytes"], 0)
        self.assertIn("database.connection_pool_size", self.text("metrics"))

    def test_promtool_finds_nothing_wrong(self):
        self.text("init")
        self.text("demo")
        text = self.text("metrics", "--prometheus")
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""), text)
        known = {line.split()[0] for line in GOLDEN.read_text().splitlines()}
        told = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
        self.assertTrue(told)
        self.assertEqual(told - known, set())

    def test_the_history_is_read_from_its_table(self):
        self.text("init")
        self.assertIn("no history", self.text("metrics", "--history"))
        for value, age in ((1, "-1 hours"), (3, "-2 hours"), (100, "-30 hours")):
            self.text("sql", "INSERT INTO performance_metrics (metric_name, metric_value, timestamp, tags) VALUES "
                             f"('database.p99_ms', {value}, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '{age}'), '{{}}')")
        self.assertEqual([item["value"] for item in self.json("metrics", "--history")], [3, 1])
        self.assertEqual([item["value"] for item in self.json("metrics", "--history", "--hours", "48")], [100, 3, 1])
        self.assertEqual(self.json("metrics", "--history", "--name", "cache."), [])
        self.assertRegex(self.text("metrics", "--history"), r"database\.p99_ms +2 +1\.000 +2\.000 +3\.000 +1\.000")
        # A name is no pattern.
        self.assertEqual(self.json("metrics", "--history", "--name", "d_t%"), [])


class Doctor(CommandTest):
    def findings(self, *severities, code=DONE):
        document = self.json("doctor", code=code)
        return {item["check"]: item for item in document["findings"]
                if not severities or item["severity"] in severities}

    def test_a_new_laptop_is_well(self):
        found = self.findings()
        self.assertEqual(found["database"]["severity"], "note")
        self.assertFalse(self.data.exists(), "it changes nothing")
        self.text("init")
        self.data.chmod(0o700)
        self.assertEqual(self.findings("warning", "problem"), {})
        self.assertEqual({"configuration", "data folder", "database", "vector_database", "cache", "graph_database",
                          "database version", "schema", "clock"} - set(self.findings("ok")), set())
        self.assertIn("All is well", self.text("doctor"))

    def test_what_others_may_read_is_told(self):
        self.text("init")
        self.data.chmod(0o755)
        finding = self.findings("warning")["data folder"]
        self.assertIn("chmod 700", finding["action"])
        self.assertEqual(stat.S_IMODE(self.data.stat().st_mode), 0o755)

    def test_a_setting_that_nobody_knows_is_told(self):
        self.environment["WHISPERENGINE_CACHE_TIMOUT_MINUTES"] = "5"
        self.assertIn("WHISPERENGINE_CACHE_TIMEOUT_MINUTES", self.findings("warning")["configuration"]["message"])

    def test_stores_that_are_away_are_problems_and_the_others_are_looked_at(self):
        self.text("init")
        self.data.chmod(0o700)
        self.environment.update(WHISPERENGINE_CACHE_TYPE="redis", REDIS_URL="redis://127.0.0.1:1")
        found = self.findings("problem", code=FAILED)
        self.assertEqual(set(found), {"cache"})
        self.assertIn("Is the server running? Set REDIS_URL", found["cache"]["action"])
        self.assertIn("What to do:", self.text("doctor", code=FAILED))

    def test_documents_of_nobody_are_orphans(self):
        self.text("demo")
        self.assertNotIn("orphans", self.findings("warning"))
        self.text("sql", "DELETE FROM users WHERE user_id = (SELECT min(user_id) FROM messages)")
        self.assertIn("user_memories", self.findings("warning")["orphans"]["message"])

    def test_a_table_that_is_missing_is_a_problem(self):
        self.text("init")
        self.text("sql", "DROP TABLE emotions")
        self.assertIn("emotions", self.findings("problem", code=FAILED)["schema"]["message"])
        self.text("init")
        self.assertNotIn("schema", self.findings("problem"))

    def test_a_message_of_the_future_is_told(self):
        self.text("init")
        self.text("sql", "INSERT INTO users (user_id, username) VALUES ('u', 'U')")
        self.text("sql", "INSERT INTO messages (message_id, channel_id, user_id, content, timestamp) VALUES "
                         "(1, 'c', 'u', 'text', '2999-01-01T00:00:00.000000Z')")
        self.assertIn("2999", self.findings("warning")["clock"]["message"])

    def test_backups_that_are_not_made_are_told(self):
        self.text("init")
        self.environment["WHISPERENGINE_BACKUP_DIR"] = str(self.folder / "backups")
        self.assertIn("backup create", self.findings("warning")["backups"]["action"])
        self.text("backup", "create")
        self.assertIn("backups", self.findings("ok"))


if __name__ == "__main__":
    unittest.main()
