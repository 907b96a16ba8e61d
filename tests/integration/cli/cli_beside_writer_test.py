"""Commands while another process writes the data."""

import signal
import unittest

from cli_support import EXAMPLES, QUESTION_VECTORS, UNAVAILABLE, CommandTest


class BesideAWriter(CommandTest):
    """The writer is an import that is stopped in the middle."""

    def setUp(self):
        super().setUp()
        self.import_sample()
        messages, vectors = self.write_messages(6000)
        self.writer = self.start("import", messages, "--embeddings", vectors)
        self.eventually(lambda: self.scalar("SELECT count(*) FROM messages") > 215, "the writer's first message")
        self.writer.send_signal(signal.SIGSTOP)

    def tearDown(self):
        self.writer.send_signal(signal.SIGCONT)
        self.writer.communicate(timeout=120)
        self.assertEqual(self.writer.returncode, 0)
        self.assertEqual(self.scalar("SELECT count(*) FROM messages"), 6215)

    def test_reading_goes_on(self):
        self.assertIsNone(self.writer.poll(), "the writer was too fast: it needs more messages")
        self.assertEqual(self.json("status")["status"], "ok")
        self.assertEqual(len(self.json("context", "lounge", "--limit", "5")), 5)
        self.assertEqual(len(self.json("recall", "--vectors", QUESTION_VECTORS, "--row", "0")), 10)
        self.assertEqual(len(self.json("connected", "mira")), 36)
        self.assertEqual(self.json("network", "mira")["counts"]["REMEMBERS"], 36)
        self.assertGreater(self.scalar("SELECT count(*) FROM messages"), 215)
        self.text("backup", "create", self.folder / "backup")
        self.text("backup", "verify", self.folder / "backup")

    def test_writing_is_refused_and_the_writer_named(self):
        self.assertIsNone(self.writer.poll(), "the writer was too fast: it needs more messages")
        for arguments in (["init"], ["import", self.folder / "messages.jsonl"], ["sql", "DELETE FROM users"],
                          ["demo", "--sample", EXAMPLES]):
            with self.subTest(arguments=arguments):
                error = self.json_error(*arguments, code=UNAVAILABLE)
                self.assertEqual(error["code"], "unavailable")
                self.assertIn(f"process {self.writer.pid} ", error["message"])


if __name__ == "__main__":
    unittest.main()
