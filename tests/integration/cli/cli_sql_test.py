"""sql: reading, writing, values and large results."""

import unittest

from cli_support import FAILED, REFUSED, USAGE, CommandTest


class Sql(CommandTest):
    def setUp(self):
        super().setUp()
        self.text("init")

    def value(self, *parameters, query="SELECT :v AS v"):
        options = [item for parameter in parameters for item in ("--param", parameter)]
        (row,) = self.json("sql", query, *options)
        return row["v"]

    def test_rows_are_a_bare_list_of_objects(self):
        self.assertEqual(self.json("sql", "SELECT 1 AS a, 'x' AS b, NULL AS c UNION ALL SELECT 2, 'y', 0.5"),
                         [{"a": 1, "b": "x", "c": None}, {"a": 2, "b": "y", "c": 0.5}])
        self.assertEqual(self.json("sql", "SELECT * FROM users"), [])

    def test_values_without_a_type(self):
        for text, expected in (("5", 5), ("-5", -5), ("0", 0), ("0.5", 0.5), ("-12.25", -12.25),
                               ("007", "007"), ("+5", "+5"), ("1e3", "1e3"), ("0.50", "0.50"), ("1.", "1."),
                               ("", ""), ("true", "true"), ("null", "null"), ("a=b", "a=b"), ("é", "é"),
                               ("9223372036854775808", "9223372036854775808")):
            with self.subTest(text=text):
                self.assertEqual(self.value(f"v={text}"), expected)
                kinds = {int: "integer", float: "real", str: "text"}
                self.assertEqual(self.value(f"v={text}", query="SELECT typeof(:v) AS v"), kinds[type(expected)])

    def test_values_with_a_type(self):
        for parameter, expected in (("v:text=5", "5"), ("v:int=5", 5), ("v:real=5", 5), ("v:bool=true", 1),
                                    ("v:null=", None),
                                    ("v:time=2026-03-02 18:04:40+02:00", "2026-03-02T16:04:40.000000Z"),
                                    ('v:json={"a" : 1}', '{"a":1}'), ("v:blob=AP8=", "AP8="), (":v=5", 5)):
            with self.subTest(parameter=parameter):
                self.assertEqual(self.value(parameter), expected)
        self.assertEqual(self.value("v:real=5", query="SELECT typeof(:v) AS v"), "real")
        self.assertEqual(self.value("v:int=9007199254740993"), "9007199254740993")

    def test_wrong_values_are_told(self):
        for parameter, named in (("v", "NAME=VALUE"), ("v:int=x", "'x' is not a whole number"),
                                 ("v:bool=1", "true or false"), ("v:date=1", "'date' is unknown"),
                                 ("v:null=1", "takes no value"), ("v:json={", "not valid JSON"), ("v:=1", "type"),
                                 ("w=1", ":v")):
            with self.subTest(parameter=parameter):
                self.assertIn(named, self.error("sql", "SELECT :v", "--param", parameter, code=USAGE))

    def test_values_go_to_placeholders_by_order_too(self):
        self.assertEqual(self.json("sql", "SELECT ? AS a, ? AS b", "--param", "first=1", "--param", "=2"),
                         [{"a": 1, "b": 2}])

    def test_values_are_bound_and_never_spliced(self):
        self.assertEqual(self.value("v='; DROP TABLE users; --"), "'; DROP TABLE users; --")
        self.assertEqual(self.scalar("SELECT count(*) FROM users"), 0)

    def test_writes(self):
        insert = "INSERT INTO users (user_id, username) VALUES (:id, :name)"
        self.assertRegex(self.text("sql", insert, "--param", "id=42", "--param", "name=Ann"), r"^1 row changed in ")
        self.assertEqual(self.json("sql", insert, "--param", "id=43", "--param", "name=Bob"), [])
        delete = "DELETE FROM users WHERE user_id = :id RETURNING username"
        self.assertEqual(self.json("sql", delete, "--param", "id=42"), [{"username": "Ann"}])
        self.assertEqual(self.json("sql", "WITH n AS (SELECT 'c' AS id) INSERT INTO users (user_id, username) "
                                          "SELECT id, 'C' FROM n RETURNING user_id"), [{"user_id": "c"}])
        self.assertEqual(self.scalar("SELECT count(*) FROM users"), 2)

    def test_errors_have_their_codes(self):
        self.assertEqual(self.json_error("sql", "SELEC 1", code=USAGE)["code"], "syntax")
        self.assertEqual(self.json_error("sql", "SELECT 1; SELECT 2", code=USAGE)["code"], "invalid_argument")
        self.assertEqual(self.json_error("sql", "BEGIN", code=USAGE)["code"], "invalid_argument")
        self.assertEqual(self.json_error("sql", "INSERT INTO users (user_id) VALUES ('u')", code=FAILED)["code"],
                         "constraint_violation")

    def test_read_only_data_is_not_written(self):
        self.environment["WHISPERENGINE_READ_ONLY"] = "true"
        self.assertEqual(self.json_error("sql", "DELETE FROM users", code=REFUSED)["code"], "permission")
        self.assertEqual(self.scalar("SELECT count(*) FROM users"), 0)

    def test_the_statement_may_come_from_standard_input(self):
        self.assertEqual(self.json("sql", "-", "--param", "v=1", text_in="SELECT :v\n  AS v\n"), [{"v": 1}])

    def test_large_results_are_streamed(self):
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50000) SELECT i FROM n"
        self.assertEqual([row["i"] for row in self.json("sql", numbers)], list(range(1, 50001)))
        lines = [line.strip() for line in self.text("sql", numbers).splitlines()]
        self.assertEqual(lines, ["i", *map(str, range(1, 50001))])

    def test_people_see_aligned_columns(self):
        self.assertEqual(self.text("sql", "SELECT 'ä' AS name, 7 AS n UNION ALL SELECT 'long', 1000"),
                         "name     n\nä        7\nlong  1000\n")
        self.assertEqual(self.text("sql", "SELECT 1 AS a WHERE 0"), "a\n")

    def test_on_a_narrow_terminal_wide_rows_become_records(self):
        code, shown = self.run_in_terminal("sql", "SELECT * FROM schema_migrations", columns=60)
        self.assertEqual(code, 0)
        self.assertRegex(shown, r"── 1 ─+")
        self.assertIn("(1 row)", shown)

    def test_colours_are_for_terminals_that_want_them(self):
        self.assertIn("\x1b[", self.run_in_terminal("sql", "SELECT NULL AS a")[1])
        self.environment["NO_COLOR"] = "1"
        self.assertNotIn("\x1b[", self.run_in_terminal("sql", "SELECT NULL AS a")[1])
        self.assertNotIn("\x1b[", self.text("sql", "SELECT NULL AS a"))


if __name__ == "__main__":
    unittest.main()
