"""context and recall."""

import json
import unittest

from cli_support import CONVERSATION, NOT_FOUND, QUESTION_VECTORS, USAGE, CommandTest, sample_questions


class Context(CommandTest):
    def setUp(self):
        super().setUp()
        self.import_sample()
        with CONVERSATION.open(encoding="utf-8") as file:
            messages = [json.loads(line) for line in file]
        self.lounge = sorted((m for m in messages if m["channel_id"] == "lounge"),
                             key=lambda m: (m["timestamp"], m["message_id"]))

    def test_a_cold_cache_is_filled_from_the_messages(self):
        found = self.json("context", "lounge", "--limit", "5")
        self.assertEqual([m["message_id"] for m in found], [str(m["message_id"]) for m in self.lounge[-5:]])
        self.assertEqual(found[-1]["content"], self.lounge[-1]["content"])

    def test_it_reaches_back_as_far_as_it_is_asked_to(self):
        self.assertEqual(len(self.json("context", "lounge", "--limit", "1000")), len(self.lounge))
        self.assertEqual(self.json("context", "lounge", "--limit", "0"), [])

    def test_people_see_time_name_and_text(self):
        last = self.lounge[-1]
        line = self.text("context", "lounge", "--limit", "1")
        self.assertEqual(line, f"{last['timestamp'][:16].replace('T', ' ')}  {last['username']}  {last['content']}\n")

    def test_an_unknown_channel_is_empty_and_names_those_there_are(self):
        self.assertEqual(self.json("context", "nowhere"), [])
        result = self.run_command("context", "nowhere")
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        self.assertIn("lounge, lake-trip, band-room", result.stderr)

    def test_control_characters_never_reach_the_terminal(self):
        self.text("sql", "UPDATE messages SET content = :text WHERE message_id = :id", "--param",
                  "text=red \x1b[31m alert\nsecond line", "--param", f"id={self.lounge[-1]['message_id']}")
        self.assertTrue(self.text("context", "lounge", "--limit", "1").endswith("red  [31m alert second line\n"))
        self.assertEqual(self.json("context", "lounge", "--limit", "1")[0]["content"],
                         "red \x1b[31m alert\nsecond line")


class Recall(CommandTest):
    def setUp(self):
        super().setUp()
        self.import_sample()

    def recall(self, row, *arguments):
        return self.json("recall", "--vectors", QUESTION_VECTORS, "--row", row, *arguments)

    def test_each_question_finds_its_answer_in_its_channel_and_with_its_user(self):
        for row, question in enumerate(sample_questions()):
            for key in ("channel_id", "user_id"):
                with self.subTest(question=question["question"], key=key):
                    condition = json.dumps({key: question[key]})
                    found = self.recall(row, "--filter", condition, "--limit", "5")
                    self.assertEqual(len(found), 5)
                    self.assertTrue(set(question["expected_message_ids"]) <= {memory["id"] for memory in found})
                    self.assertTrue(all(memory["metadata"][key] == question[key] for memory in found))

    def test_results_are_id_score_content_and_metadata_best_first(self):
        found = self.recall(0)
        self.assertEqual(len(found), 10)
        self.assertTrue(all(list(memory) == ["id", "score", "content", "metadata"] for memory in found))
        scores = [memory["score"] for memory in found]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertTrue(all(-1 <= score <= 1 for score in scores))

    def test_people_see_score_name_and_text(self):
        text = self.text("recall", "--vectors", QUESTION_VECTORS, "--row", "1", "--limit", "1")
        self.assertRegex(text, r"^ 0\.57  █+.? +Jonas · lounge · 2026-03-09 21:13\n")
        self.assertIn("my bike is broken", text)

    def test_nothing_found_is_an_empty_list(self):
        self.assertEqual(self.recall(0, "--filter", '{"user_id": "nobody"}'), [])
        self.assertEqual(self.recall(0, "--limit", "0"), [])
        self.assertEqual(self.recall(0, "--collection", "global_facts"), [])

    def test_wrong_arguments_are_told(self):
        vectors = ("recall", "--vectors", QUESTION_VECTORS, "--row")
        self.assertIn("rows are 0 to 9", self.error(*vectors, "10", code=USAGE))
        self.assertIn("$near", self.error(*vectors, "0", "--filter", '{"a": {"$near": 1}}', code=USAGE))
        self.assertEqual(self.json_error(*vectors, "0", "--filter", "{", code=USAGE)["code"], "syntax")
        self.assertIn("user_memories", self.error(*vectors, "0", "--collection", "memories", code=NOT_FOUND))
        self.assertIn("nowhere.f32", self.error("recall", "--vectors", "nowhere.f32", "--row", "0", code=NOT_FOUND))
        self.assertIn("rows of 384 floats", self.error("recall", "--vectors", CONVERSATION, "--row", "0", code=USAGE))


if __name__ == "__main__":
    unittest.main()
