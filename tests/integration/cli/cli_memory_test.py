"""remember, and recall of a question in words, without a provider of vectors."""

import unittest

from cli_support import CONVERSATION, CONVERSATION_VECTORS, NOT_FOUND, QUESTION_VECTORS, USAGE, CommandTest


class WithoutEmbeddings(CommandTest):
    def setUp(self):
        super().setUp()
        self.environment["WHISPERENGINE_EMBEDDING_TYPE"] = "none"

    def test_remember_says_what_is_missing_and_stores_nothing(self):
        self.text("init")
        message = self.error("remember", "mira", "The key is under the flower pot", code=USAGE)
        self.assertIn("WHISPERENGINE_EMBEDDING_TYPE", message)
        self.assertEqual(self.scalar("SELECT count(*) AS n FROM messages"), 0)

    def test_recall_of_words_says_what_is_missing(self):
        self.text("import", CONVERSATION, "--embeddings", CONVERSATION_VECTORS)
        self.assertEqual(self.json_error("recall", "Who plays the cello?", code=USAGE)["code"], "unsupported")
        self.assertEqual(len(self.json("recall", "--vectors", QUESTION_VECTORS, "--limit", "3")), 3)

    def test_user_and_channel_filter_the_vector_form_too(self):
        self.text("import", CONVERSATION, "--embeddings", CONVERSATION_VECTORS)
        found = self.json("recall", "--vectors", QUESTION_VECTORS, "--user", "mira", "--channel", "lounge")
        self.assertTrue(found)
        for memory in found:
            self.assertEqual((memory["metadata"]["user_id"], memory["metadata"]["channel_id"]), ("mira", "lounge"))

    def test_recall_wants_words_or_vectors(self):
        self.assertIn("--vectors", self.error("recall", code=USAGE))
        self.assertIn("not both", self.error("recall", "words", "--vectors", QUESTION_VECTORS, code=USAGE))
        self.error("recall", "--row", "3", code=USAGE)

    def test_nothing_is_stored_yet(self):
        self.error("recall", "words", code=NOT_FOUND)

    def test_status_says_where_vectors_come_from(self):
        self.text("init")
        self.assertIn("Vectors of texts: none", self.text("status"))
        self.assertEqual(self.json("status")["embedding"]["type"], "none")

    def test_help_explains_both(self):
        self.assertIn("USER TEXT", self.text("remember", "--help"))
        self.assertIn("--explain", self.text("recall", "--help"))


if __name__ == "__main__":
    unittest.main()
