"""import: complete, repeatable, and none the worse for being interrupted."""

import json
import signal
import unittest

from cli_support import CONVERSATION, CONVERSATION_VECTORS, INTERRUPTED, NOT_FOUND, USAGE, CommandTest

# Everything an import stores, but the times at which it did and the numbers rows got.
TABLES = {
    "users": "user_id, username, message_count, last_seen",
    "messages": "message_id, channel_id, user_id, username, content, timestamp, is_bot, reply_to, attachments, "
                "metadata",
    "conversations": "user_id, channel_id, message_content, timestamp",
    "graph_nodes": "node_type, node_id, user_id, content, properties, importance",
    "relationships": "source_type, source_id, relationship_type, target_type, target_id, interaction_count",
}


class Import(CommandTest):
    def content(self):
        tables = {table: self.json("sql", f"SELECT {columns} FROM {table} ORDER BY {columns}")
                  for table, columns in TABLES.items()}
        return tables, self.json("status")["metrics"]["vector_database"]["total_documents"]

    def test_each_message_reaches_every_store(self):
        report = self.json("import", CONVERSATION, "--embeddings", CONVERSATION_VECTORS)
        self.assertEqual((report["messages"], report["imported"], report["known"], report["documents"]),
                         (215, 215, 0, 215))
        rows = self.json("status")["rows"]
        self.assertEqual((rows["messages"], rows["conversations"], rows["users"]), (215, 215, 7))
        self.assertEqual(rows["graph_nodes"], 215 + 7)
        self.assertEqual(self.scalar("SELECT count(*) FROM relationships WHERE relationship_type = 'REMEMBERS'"), 215)
        self.assertGreater(self.scalar("SELECT count(*) FROM relationships WHERE relationship_type = 'REPLIES_TO'"), 0)

    def test_importing_twice_changes_nothing(self):
        self.import_sample()
        before = self.content()
        report = self.json("import", CONVERSATION, "--embeddings", CONVERSATION_VECTORS)
        self.assertEqual((report["imported"], report["known"], report["documents"], report["relationships"]),
                         (0, 215, 0, 0))
        self.assertEqual(self.content(), before)
        self.assertIn("all 215 were there already",
                      self.text("import", CONVERSATION, "--embeddings", CONVERSATION_VECTORS))

    def test_ids_beyond_2_to_the_53_survive(self):
        self.import_sample()
        with CONVERSATION.open(encoding="utf-8") as file:
            expected = [str(json.loads(line)["message_id"]) for line in file]
        stored = [row["message_id"] for row in self.json("sql", "SELECT message_id FROM messages ORDER BY message_id")]
        self.assertEqual(stored, sorted(expected, key=int))

    def interrupted_equals_uninterrupted(self, how, code):
        messages, vectors = self.write_messages(4000)
        rounds = 0
        while rounds < 3:
            stored = self.scalar("SELECT count(*) FROM messages") if self.data.exists() else 0
            process = self.start("import", messages, "--embeddings", vectors)
            self.eventually(lambda: process.poll() is not None or self.has_more_than(stored), "a first message")
            process.send_signal(how)
            process.communicate(timeout=60)
            if process.returncode == 0:
                break  # it was faster than the signal
            self.assertEqual(process.returncode, code)
            rounds += 1
        self.assertGreater(rounds, 0, "no import was interrupted: it needs more messages")
        self.assertLess(self.scalar("SELECT count(*) FROM messages"), 4000)
        report = self.json("import", messages, "--embeddings", vectors)
        self.assertEqual(report["imported"] + report["known"], 4000)
        interrupted = self.content()

        self.environment["WHISPERENGINE_DATA_DIR"] = str(self.folder / "uninterrupted")
        self.text("import", messages, "--embeddings", vectors)
        whole, documents = self.content()
        self.assertEqual(documents, 4000)
        self.assertEqual(interrupted[1], documents)
        for table in TABLES:
            self.assertTrue(interrupted[0][table] == whole[table], f"{table} differs")

    def has_more_than(self, stored):
        result = self.run_command("--json", "sql", "SELECT count(*) AS n FROM messages")
        return result.returncode == 0 and json.loads(result.stdout)[0]["n"] > stored

    def test_killed_and_started_again_it_ends_complete(self):
        self.interrupted_equals_uninterrupted(signal.SIGKILL, -signal.SIGKILL)

    def test_interrupted_by_control_c_and_started_again_it_ends_complete(self):
        self.interrupted_equals_uninterrupted(signal.SIGINT, INTERRUPTED)

    def test_a_file_with_a_mistake_stores_nothing_and_names_the_line(self):
        broken = self.folder / "broken.jsonl"
        lines = CONVERSATION.read_text(encoding="utf-8").splitlines(keepends=True)
        broken.write_text("".join(lines[:3]) + "{not json}\n", encoding="utf-8")
        error = self.json_error("import", broken, code=USAGE)
        self.assertEqual(error["code"], "syntax")
        self.assertIn("broken.jsonl", error["message"])
        self.assertIn("4", error["message"])
        self.assertEqual(self.scalar("SELECT count(*) FROM messages"), 0)

    def test_vectors_that_do_not_belong_to_the_messages_are_refused(self):
        short = self.folder / "short.f32"
        short.write_bytes(CONVERSATION_VECTORS.read_bytes()[:-1536])
        self.assertIn("short.f32", self.error("import", CONVERSATION, "--embeddings", short, code=USAGE))
        self.assertEqual(self.scalar("SELECT count(*) FROM messages"), 0)

    def test_a_missing_file_is_not_found(self):
        self.assertIn("nowhere.jsonl", self.error("import", "nowhere.jsonl", code=NOT_FOUND))
        self.assertIn("nowhere", self.error("import", CONVERSATION, "--embeddings", CONVERSATION_VECTORS,
                                            "--collection", "nowhere", code=NOT_FOUND))

    def test_without_vectors_the_rest_is_stored_and_they_may_come_later(self):
        self.assertEqual(self.json("import", CONVERSATION)["documents"], 0)
        report = self.json("import", CONVERSATION, "--embeddings", CONVERSATION_VECTORS)
        self.assertEqual((report["imported"], report["documents"]), (0, 215))

    def test_a_progress_bar_is_drawn_on_a_terminal_and_taken_away(self):
        code, shown = self.run_in_terminal("import", CONVERSATION, "--embeddings", CONVERSATION_VECTORS)
        self.assertEqual(code, 0)
        self.assertIn("100 %  215 of 215", shown)
        self.assertRegex(shown, r"\r\x1b\[KImported 215 messages")


if __name__ == "__main__":
    unittest.main()
