"""Texts in, memories out, with the local model: import, remember, recall, demo."""

import json
import signal
import unittest

from cli_support import CHAT_EXPORTS, CONVERSATION, EXAMPLES, NOT_FOUND, USAGE, CommandTest, sample_questions


class Texts(CommandTest):
    def setUp(self):
        super().setUp()
        self.use_model()

    def test_an_imported_conversation_answers_questions(self):
        report = self.json("import", CONVERSATION)
        self.assertEqual((report["imported"], report["documents"]), (215, 215))
        self.assertGreater(report["embedding_seconds"], 0)
        found = 0
        for question in sample_questions():
            memories = self.json("recall", question["question"], "--user", question["user_id"], "--limit", "5")
            found += set(question["expected_message_ids"]) <= {memory["id"] for memory in memories}
        self.assertGreaterEqual(found, 9)
        again = self.json("import", CONVERSATION)
        self.assertEqual((again["imported"], again["known"], again["documents"]), (0, 215, 0))

    def test_a_later_import_adds_the_vectors_that_are_missing(self):
        self.assertEqual(self.json("import", CONVERSATION, "--no-vectors")["documents"], 0)
        report = self.json("import", CONVERSATION)
        self.assertEqual((report["imported"], report["known"], report["documents"]), (0, 215, 215))

    def test_exported_chats_are_found_by_what_they_say(self):
        self.text("import", CHAT_EXPORTS / "discord.json")
        self.text("import", CHAT_EXPORTS / "slack")
        self.text("import", CHAT_EXPORTS / "whatsapp_android.txt", "--channel", "family")
        shown = self.text("import", CHAT_EXPORTS / "whatsapp_iphone.txt", "--utc-offset", "+01:00")
        self.assertIn("4 messages", shown)
        self.assertIn("3 vectors", shown)  # one is a picture
        self.assertEqual(self.json("recall", "where do we find the key", "--limit", "1")[0]["content"],
                         "Key is under the blue pot.")
        (memory,) = self.json("recall", "which bar of the music is wrong", "--limit", "1")
        self.assertEqual(memory["id"], "790001112223335003")
        self.assertIn("fireworks", self.json("recall", "fireworks", "--channel", "family", "--limit", "1")[0]["content"])

    def test_what_is_remembered_is_recalled_and_explained(self):
        self.text("remember", "mira", "The spare bulbs are in the blue tin.")
        self.text("remember", "leo", "My sister plays the oboe.")
        (memory,) = self.json("recall", "where are the light bulbs", "--limit", "1", "--explain")
        self.assertEqual(memory["content"], "The spare bulbs are in the blue tin.")
        parts = memory["parts"]
        self.assertAlmostEqual(memory["score"], sum(parts[part] for part in (
            "similarity", "words", "neighbour", "recency", "importance")), places=5)
        self.assertIn("bulbs", self.text("recall", "light bulbs", "--explain"))
        self.assertEqual(self.json("recall", "woodwind instrument", "--dense", "--limit", "1")[0]["content"],
                         "My sister plays the oboe.")

    def test_the_demo_embeds_live(self):
        shown = self.text("demo", "--sample", EXAMPLES)
        for part in ("215 texts embedded by", "Recalled by meaning and words", "10 of 10 questions"):
            self.assertIn(part, shown)

    def test_killed_and_started_again_nothing_is_missing_and_nothing_there_twice(self):
        messages, _ = self.write_messages(1500)
        rounds = 0
        while rounds < 2:
            stored = self.scalar("SELECT count(*) FROM messages") if self.data.exists() else 0
            process = self.start("import", messages)
            self.eventually(lambda: process.poll() is not None or self.stored() > stored, "a first message")
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
            if process.returncode == 0:
                break
            rounds += 1
        self.assertGreater(rounds, 0, "no import was interrupted: it needs more messages")
        self.assertLess(self.stored(), 1500)
        report = self.json("import", messages)
        self.assertEqual(report["imported"] + report["known"], 1500)
        status = self.json("status")
        self.assertEqual((status["rows"]["messages"], status["rows"]["conversations"]), (1500, 1500))
        self.assertEqual(status["metrics"]["vector_database"]["total_documents"], 1500)
        self.assertEqual(self.scalar("SELECT count(*) FROM relationships WHERE relationship_type = 'REMEMBERS'"), 1500)
        self.assertEqual(self.json("import", messages)["known"], 1500)

    def stored(self):
        result = self.run_command("--json", "sql", "SELECT count(*) AS n FROM messages")
        return json.loads(result.stdout)[0]["n"] if result.returncode == 0 else 0

    def test_a_missing_model_stores_nothing_and_says_what_to_do(self):
        self.environment["WHISPERENGINE_EMBEDDING_MODEL_DIR"] = str(self.folder / "nowhere")
        error = self.error("import", CONVERSATION, code=NOT_FOUND)
        for part in ("nowhere", "without vectors"):
            self.assertIn(part, error)
        self.assertEqual(self.scalar("SELECT count(*) FROM messages"), 0)
        self.assertEqual(self.json("import", CONVERSATION, "--no-vectors")["imported"], 215)

    def test_options_that_do_not_fit_are_refused(self):
        self.error("import", CONVERSATION, "--format", "telegram", code=USAGE)
        self.error("import", CONVERSATION, "--utc-offset", "2", code=USAGE)
        self.error("import", CONVERSATION, "--no-vectors", "--embeddings", "x.f32", code=USAGE)
        self.assertIn("unpack", self.error("import", CONVERSATION, "--format", "slack", code=USAGE))


if __name__ == "__main__":
    unittest.main()
