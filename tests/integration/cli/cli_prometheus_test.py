"""A real Prometheus scrapes `whisperstore serve`."""

import json
import pathlib
import select
import socket
import subprocess
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from cli_support import LIMIT, CommandTest

GOLDEN = pathlib.Path(__file__).parent.parent / "metric_names.golden"

CONFIGURATION = """
global:
  scrape_interval: 200ms
  scrape_timeout: 200ms
scrape_configs:
  - job_name: whisperstore
    authorization:
      credentials: {token}
    static_configs:
      - targets: ["127.0.0.1:{port}"]
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Scrape(CommandTest):
    def start_serve(self):
        process = self.start("--json", "serve", "--listen", "127.0.0.1:0")
        ready, _, _ = select.select([process.stdout], [], [], LIMIT)
        self.assertTrue(ready, "it does not say where it listens")
        return json.loads(process.stdout.readline())["port"]

    def start_prometheus(self, configuration):
        port = free_port()
        process = subprocess.Popen(
            ["prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={self.folder / 'tsdb'}",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, process)
        return process, port

    def ask(self, port, path):
        """The data of an answer of Prometheus' API; nothing while it is not ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=LIMIT) as answer:
                return json.load(answer)["data"]
        except (urllib.error.URLError, ConnectionError):
            return None

    def values(self, port, query):
        data = self.ask(port, "/api/v1/query?query=" + urllib.parse.quote(query))
        return {(item["metric"].get("layer"), item["metric"].get("operation")): float(item["value"][1])
                for item in data["result"]} if data else {}

    def eventually(self, condition, what, process):
        deadline = time.monotonic() + LIMIT
        while not condition():
            self.assertIsNone(process.poll(), process.stderr.read() if process.poll() is not None else "")
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)

    def test_all_metrics_arrive(self):
        self.text("demo")
        demo = self.folder / ".whisperengine" / "demo"
        if demo.exists():
            self.environment["WHISPERENGINE_DATA_DIR"] = str(demo)
        self.environment["WHISPERENGINE_SERVE_TOKEN"] = "a-token-of-the-tests"
        serve_port = self.start_serve()
        configuration = self.folder / "prometheus.yml"
        configuration.write_text(CONFIGURATION.format(port=serve_port, token="a-token-of-the-tests"))
        checked = subprocess.run(["promtool", "check", "config", str(configuration)], capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        prometheus, port = self.start_prometheus(configuration)

        layers = {"database", "vector_database", "cache", "graph_database"}
        self.eventually(lambda: {layer for layer, _ in self.values(port, "whisperstore_store_answers == 1")} == layers,
                        "not all stores arrived", prometheus)
        self.assertEqual(self.values(port, 'up{job="whisperstore"}'), {(None, None): 1.0})
        # What is told of each scrape grows from one to the next.
        def queries():
            return self.values(port, "whisperstore_database_queries_total").get(("database", None), 0)
        first = queries()
        self.eventually(lambda: queries() > first, "the counters stand still", prometheus)
        self.eventually(lambda: ("vector_database", "list_collections") in self.values(
            port, "histogram_quantile(0.99, rate(whisperstore_call_duration_seconds_bucket[1m])) > 0"),
            "no quantiles", prometheus)
        names = {name for name in self.ask(port, "/api/v1/label/__name__/values") if name.startswith("whisperstore_")}
        golden = {line.split()[0]: line.split()[1] for line in GOLDEN.read_text().splitlines()}
        expanded = {name for name, kind in golden.items() if kind != "histogram"} | {
            name + end for name, kind in golden.items() if kind == "histogram" for end in ("_bucket", "_sum", "_count")}
        self.assertEqual(names - expanded, set())
        self.assertGreater(len(names), 25)
        metadata = self.ask(port, "/api/v1/metadata")
        for name in names & set(golden):
            kind = "gauge" if golden[name] == "state" else golden[name]
            self.assertEqual(metadata[name][0]["type"], kind, name)


if __name__ == "__main__":
    unittest.main()
