"""`whisperstore serve`."""

import http.client
import json
import select
import signal
import socket
import time
import unittest

from cli_support import DONE, LIMIT, NOT_FOUND, TIMEOUT, UNAVAILABLE, USAGE, CommandTest


class ServeTest(CommandTest):

    def serve(self, *arguments):
        """The running program and what it says of itself."""
        process = self.start("--json", "serve", "--listen", "127.0.0.1:0", *arguments)
        ready, _, _ = select.select([process.stdout], [], [], LIMIT)
        self.assertTrue(ready, "it does not say where it listens")
        return process, json.loads(process.stdout.readline())

    def get(self, told, path, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", told["port"], timeout=LIMIT)
        self.addCleanup(connection.close)
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def stop(self, process, number=signal.SIGTERM):
        process.send_signal(number)
        out, err = process.communicate(timeout=LIMIT)
        return process.returncode, out, err

    def test_serves_what_it_lists_until_it_is_asked_to_end(self):
        self.text("init")
        process, told = self.serve()
        self.assertEqual(told["url"], f"http://127.0.0.1:{told['port']}")
        self.assertFalse(told["token"])
        for path in told["routes"]:
            if path != "/api/events":
                self.assertEqual(self.get(told, path)[0], 200, path)
        config = json.loads(self.get(told, "/api/config")[1])
        self.assertIn("WHISPERENGINE_SERVE_LISTEN", [setting["variable"] for setting in config["settings"]])
        health = json.loads(self.get(told, "/health/ready")[1])
        self.assertEqual([part["component"] for part in health["components"]][:4],
                         ["database", "vector_database", "cache", "graph_database"])
        self.assertEqual(self.stop(process), (DONE, "", ""))

    def test_ends_event_streams_when_it_ends(self):
        self.text("init")
        for number in (signal.SIGTERM, signal.SIGINT):
            process, told = self.serve()
            with socket.create_connection(("127.0.0.1", told["port"]), timeout=LIMIT) as events:
                events.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
                received = b""
                while b"event: metrics" not in received:
                    piece = events.recv(65536)
                    self.assertTrue(piece, received)
                    received += piece
                begin = time.monotonic()
                self.assertEqual(self.stop(process, number), (DONE, "", ""))
                self.assertLess(time.monotonic() - begin, 60)
                while events.recv(65536):
                    pass

    def test_runs_beside_another_reader_and_writes_nothing(self):
        self.assertIn("nothing is stored", self.error("serve", code=NOT_FOUND))
        self.assertFalse(self.data.exists())
        self.import_sample()
        first, told = self.serve()
        second, beside = self.serve()
        rows = self.json("status")["rows"]
        self.assertEqual(self.get(told, "/health/ready")[0], 200)
        self.assertEqual(self.get(beside, "/health/ready")[0], 200)
        self.import_message("ada", "while it is served")
        self.assertEqual(int(self.json("status")["rows"]["messages"]), int(rows["messages"]) + 1)
        self.assertEqual(self.stop(first)[0], DONE)
        self.assertEqual(self.stop(second)[0], DONE)

    def test_wants_a_token_beyond_loopback(self):
        self.text("init")
        self.assertIn("WHISPERENGINE_SERVE_TOKEN", self.error("serve", "--listen", "0.0.0.0:0", code=USAGE))
        self.environment["WHISPERENGINE_SERVE_TOKEN"] = "sesame"
        self.assertNotIn("sesame", self.error("serve", "--listen", "0.0.0.0:0", code=USAGE))
        token = "sesame-0123456789"
        self.environment["WHISPERENGINE_SERVE_TOKEN"] = token
        process, told = self.serve()
        self.assertTrue(told["token"])
        self.assertEqual(self.get(told, "/health/live")[0], 200)
        self.assertEqual(self.get(told, "/metrics")[0], 401)
        status, config = self.get(told, "/api/config", {"Authorization": "Bearer " + token})
        self.assertEqual(status, 200)
        self.assertNotIn(token, config)
        self.assertEqual(self.stop(process), (DONE, "", ""))

    def test_says_why_it_does_not_start(self):
        self.text("init")
        process, told = self.serve()
        taken = f"127.0.0.1:{told['port']}"
        self.assertIn(taken, self.error("serve", "--listen", taken, code=UNAVAILABLE))
        self.assertIn("HOST:PORT", self.error("serve", "--listen", "nowhere", code=USAGE))
        self.assertEqual(self.stop(process)[0], DONE)
        self.environment["WHISPERENGINE_SERVE_LISTEN"] = "localhost:99999"
        self.assertIn("65535", self.error("serve", code=USAGE))

    def test_lists_what_is_there(self):
        self.text("init")
        process = self.start("serve", "--listen", "127.0.0.1:0")
        lines = [process.stdout.readline() for _ in range(8)]
        self.assertTrue(lines[0].startswith("Listening on http://127.0.0.1:"), lines)
        self.assertIn("/health/ready", lines[4])
        self.assertEqual(self.stop(process), (DONE, "", ""))

    def test_ends_with_its_time(self):
        self.text("init")
        self.error("--timeout", "0.001", "serve", "--listen", "127.0.0.1:0", code=TIMEOUT)
        result = self.run_command("--timeout", "2", "serve", "--listen", "127.0.0.1:0")
        self.assertEqual(result.returncode, TIMEOUT, result.stderr)


if __name__ == "__main__":
    unittest.main()
