"""schema status, plan, apply and undo over SQLite."""

import json
import signal
import unittest

from cli_schema_support import NO_TRANSACTION, SchemaTest
from cli_support import DAMAGED, INTERRUPTED, LIMIT, NOT_FOUND, UNAVAILABLE, USAGE

# Runs until it is stopped.
ENDLESS = ("INSERT INTO topics (name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
           "SELECT CAST(i AS TEXT) FROM n;\n")


class Schema(SchemaTest):
    def setUp(self):
        super().setUp()
        self.write("0001_add_topics.up.sql", "CREATE TABLE topics (id INTEGER PRIMARY KEY, name TEXT);\n")
        self.write("0001_add_topics.down.sql", "DROP TABLE topics;\n")
        self.write("0002_first_topic.up.sql", "INSERT INTO topics (name) VALUES ('bread; and butter');\n")
        self.write("0002_first_topic.down.sql", "DELETE FROM topics;\n")
        self.write("0010_index_topics.sql", NO_TRANSACTION + "CREATE INDEX IF NOT EXISTS topics_name ON topics (name);\n")

    def test_from_nothing_to_the_last_version_and_back(self):
        self.assertEqual(self.states(), {"0001": "pending", "0002": "pending", "0010": "pending"})
        plan = self.text("schema", "plan", "--to", "2")
        self.assertIn("-- 0001 add topics\nCREATE TABLE topics", plan)
        self.assertIn("'bread; and butter'", plan)
        self.assertNotIn("0010", plan)
        self.assertFalse(self.data.exists())  # neither creates anything

        shown = self.text("schema", "apply", "--to", "2")
        self.assertRegex(shown, r"^Applied 0001 add topics \(\d+ ms\)\nApplied 0002 first topic \(\d+ ms\)\n$")
        self.assertEqual(self.value("SELECT name FROM topics"), "bread; and butter")
        self.assertEqual(self.value("SELECT count(*) FROM users"), 0)  # whisperstore's own tables are there
        self.assertEqual(self.applied(), ["0010"])
        self.assertEqual(self.text("schema", "apply"), "Everything is applied already.\n")
        self.assertEqual(self.text("schema", "plan"), "There is nothing to do.\n")

        table = self.text("schema", "status")
        self.assertRegex(table, r"0001 +add topics +applied +\d{4}-\d\d-\d\d \d\d:\d\d +\d+ ms\n")
        self.assertRegex(table, r"0010 +index topics +applied .* no transaction\n")
        status = self.json("schema", "status")
        self.assertEqual(list(status[0]), ["version", "name", "state", "applied_at", "execution_time_ms", "checksum",
                                           "recorded_checksum", "transactional", "can_undo"])
        self.assertEqual([item["can_undo"] for item in status], [True, True, False])

        self.assertIn("has no script for that", self.error("schema", "undo", code=USAGE))
        self.write("0010_index_topics.down.sql", "DROP INDEX topics_name;\n")
        self.assertRegex(self.text("schema", "undo"), r"^Undone  0010 index topics \(\d+ ms\)\n$")
        self.assertIn("DELETE FROM topics", self.text("schema", "plan", "--undo", "--to", "1"))
        self.assertEqual([item["version"] for item in json.loads(self.run_command(
            "--json", "schema", "undo", "--to", "0").stdout)], ["0002", "0001"])
        self.assertEqual(set(self.states().values()), {"pending"})
        self.assertEqual(self.text("schema", "undo"), "There is nothing to undo.\n")

    def test_what_it_has_made_can_be_looked_at(self):
        self.text("schema", "apply", "--to", "2")
        shown = self.text("status")
        self.assertIn("Storage is degraded", shown)
        self.assertRegex(shown, r"vector_database +local_qdrant +down ")
        self.assertRegex(shown, r"messages +0\n")
        status = self.json("status")
        self.assertEqual([part["status"] for part in status["components"]], ["ok", "down", "ok", "ok"])
        self.assertIn("whisperstore init", status["components"][1]["action"])
        self.assertEqual(self.json("sql", "SELECT name FROM topics"), [{"name": "bread; and butter"}])
        self.assertIn("whisperstore init", self.error("backup", "create", "backup", code=NOT_FOUND))
        self.assertFalse((self.data / "vectors").exists())  # none of them creates anything

        self.text("init")
        self.assertEqual(self.json("status")["status"], "ok")

    def test_what_is_wrong_is_told(self):
        self.text("schema", "apply", "--to", "2")
        self.write("0002_first_topic.up.sql", "INSERT INTO topics (name) VALUES ('cake');\n")
        self.write("0001.5_late.sql", "SELECT 1;\n")
        self.assertEqual(self.states(),
                         {"0001": "applied", "0001.5": "out_of_order", "0002": "changed", "0010": "pending"})
        error = self.json_error("schema", "apply", code=DAMAGED)
        self.assertEqual(error["code"], "version_mismatch")
        status = {item["version"]: item for item in self.json("schema", "status")}["0002"]
        self.assertIn(status["checksum"], error["message"])
        self.assertIn(status["recorded_checksum"], error["message"])

        # The ends of lines may be another editor's.
        self.write("0002_first_topic.up.sql", "INSERT INTO topics (name) VALUES ('bread; and butter');\r\n")
        self.assertIn("out of order", self.error("schema", "apply", code=DAMAGED))
        self.assertEqual(self.applied("--out-of-order"), ["0001.5", "0010"])
        for name in ("0001.5_late.sql", "0010_index_topics.sql"):
            (self.migrations / name).unlink()
        self.assertEqual(self.states(),
                         {"0001": "applied", "0001.5": "missing", "0002": "applied", "0010": "missing"})

    def test_a_wrong_folder_leaves_no_database(self):
        self.assertIn("nowhere", self.error("schema", "apply", "--dir", "nowhere", code=NOT_FOUND))
        self.write("0002_second_topic.up.sql", "SELECT 1;\n")
        self.assertIn("same version", self.error("schema", "apply", code=USAGE))
        (self.migrations / "0002_second_topic.up.sql").unlink()
        for name in ("topics.sql", "0003.sql", "0003_a.dwon.sql", "v3_a.sql", "0003_a.up.postgres.sql"):
            self.write(name, "SELECT 1;\n")
            self.assertIn(f"'{name}' is not the name of a migration", self.error("schema", "status", code=USAGE))
            (self.migrations / name).unlink()
        self.write("0003_only.postgresql.sql", "SELECT 1;\n")
        self.assertIn("has no script for sqlite", self.error("schema", "apply", code=USAGE))
        self.write("0003_only.sqlite.sql", "INSERT INTO topics (name) VALUES ('for sqlite');\n")
        self.write("0004_both.sql", "INSERT INTO missing VALUES ('for others');\n")
        self.write("0004_both.sqlite.sql", "INSERT INTO topics (name) VALUES ('for sqlite');\n")
        self.assertFalse(self.data.exists())
        self.text("schema", "apply")
        self.assertEqual(self.value("SELECT count(*) FROM topics WHERE name = 'for sqlite'"), 2)

    def test_a_script_that_fails_leaves_nothing(self):
        self.write("0003_broken.sql", "INSERT INTO topics (name) VALUES ('half'); INSERT INTO missing VALUES (1);\n")
        result = self.run_command("schema", "apply")
        self.assertEqual(result.returncode, NOT_FOUND, result.stderr)
        self.assertIn("migration 0003 (broken): no such table: missing", result.stderr)
        self.assertEqual(result.stdout.count("Applied"), 2)
        self.assertEqual(self.states(), {"0001": "applied", "0002": "applied", "0003": "pending", "0010": "pending"})
        self.assertEqual(self.value("SELECT count(*) FROM topics"), 1)

    def test_of_two_at_once_one_waits_and_finds_it_done(self):
        for number in range(100, 120):
            self.write(f"{number}_more.sql", f"INSERT INTO topics (name) VALUES ('{number}');\n")
        versions = self.both_end_well(self.start_apply(), self.start_apply())
        self.assertEqual(sorted(len(item) for item in versions), [0, 23])
        self.assertEqual(self.value("SELECT count(*) FROM topics"), 21)

    def test_it_waits_no_longer_than_told(self):
        self.write("0003_endless.sql", ENDLESS)
        holder = self.start_apply()
        self.wait_for(holder, "begun", "0003")
        error = self.run_command("--json", "schema", "apply", "--wait", "0.3")
        self.assertEqual(error.returncode, UNAVAILABLE, error.stderr)
        self.assertIn(f"process {holder.pid} since", error.stderr)
        self.assertEqual(self.states()["0003"], "pending")  # reading does not wait

    def test_ctrl_c_says_what_was_applied(self):
        self.write("0003_endless.sql", ENDLESS)
        process = self.start("--json", "schema", "apply")
        self.wait_for(process, "begun", "0003")
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, INTERRUPTED, error)
        self.assertEqual(out, "")
        self.assertEqual(json.loads(error.splitlines()[-1])["error"]["message"],
                         "interrupted; 2 of 4 migrations are applied; 0003 was under way and is rolled back")
        self.assertEqual(self.states(), {"0001": "applied", "0002": "applied", "0003": "pending", "0010": "pending"})

    def test_killed_in_a_transaction_it_leaves_nothing(self):
        self.write("0003_endless.sql", "CREATE TABLE half (a TEXT); " + ENDLESS)
        process = self.start_apply()
        self.wait_for(process, "begun", "0003")
        process.kill()
        process.wait(timeout=LIMIT)
        self.assertEqual(self.states()["0003"], "pending")
        self.write("0003_endless.sql", "CREATE TABLE half (a TEXT);\n")
        self.assertEqual(self.applied(), ["0003", "0010"])
        self.assertEqual(self.value("SELECT count(*) FROM topics"), 1)

    def test_killed_without_a_transaction_it_resumes(self):
        half = NO_TRANSACTION + "CREATE TABLE IF NOT EXISTS half (a TEXT);\n"
        self.write("0003_endless.sql", half + ENDLESS)
        process = self.start_apply()
        self.wait_for(process, "begun", "0003")
        self.eventually(lambda: self.value("SELECT count(*) FROM sqlite_schema WHERE name = 'half'") == 1, "the table")
        process.kill()
        process.wait(timeout=LIMIT)
        self.assertEqual(self.states()["0003"], "begun")
        self.assertIn("did not end", self.error("schema", "apply", code=DAMAGED))
        self.write("0003_endless.sql", half)
        self.assertIn("begun before", self.text("schema", "plan", "--resume"))
        self.assertEqual(self.applied("--resume"), ["0003", "0010"])
        self.assertEqual(self.states()["0003"], "applied")


class Killed(SchemaTest):
    def test_at_random_moments_nothing_is_half_done(self):
        self.killed_at_random(seed=20261130)


if __name__ == "__main__":
    unittest.main()
