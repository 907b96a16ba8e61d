#!/usr/bin/env python3
"""Compares the local embedding model's tokenizer with Hugging Face's `tokenizers`, id by id.

    tokenizer_test.py PROGRAM [--texts N]      PROGRAM: embedding_process

Over recorded conversations, over every code point of Unicode, and over N (20,000) random texts. The two have tables of different
Unicode versions: code points that either knows otherwise are listed in OTHER_VERSIONS, and nothing else may differ; random
texts are made of the others. `tools/test` puts `tokenizers` where this looks for it.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import unicodedata
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whisperstore"
MODEL = CACHE / "models/all-MiniLM-L6-v2"
PROJECT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("WHISPERSTORE_SHARED") or PROJECT.parent / "shared")
MAXIMUM_TOKENS = 256
SEED = 20240610

# Marks, punctuation and format characters that came to Unicode, or to their category, after the tables of `tokenizers`
# (ICU 72, Unicode 15, against tokenizers 0.2x), all of them of scripts in little use.
OTHER_VERSIONS = """
61D 7FD 890-891 898-89F 8CA-8E2 9FD-9FE A76 AFA-AFF B55 C04 C3C C77 C84 D00 D3B-D3C D81 EBA ECE 166D 1734 180F
1885-1886 1ABF-1ACE 1B7D-1B7E 1DF6-1DFB 2E43-2E4F 2E52-2E5D A82C A8C5 A8FF A9BD 10D24-10D27 10EAB-10EAD 10EFD-10EFF
10F46-10F50 10F55-10F59 10F82-10F89 11070 11073-11074 110C2 110CD 111C9 111CF 1123E 11241 1133B 11438-1143F
11442-11444 11446 1144B-1144F 1145A-1145B 1145D-1145E 11660-1166C 116B9 1182F-11837 11839-1183B 1193B-1193C 1193E
11943-11946 119D4-119D7 119DA-119DB 119E0 119E2 11A01-11A0A 11A33-11A38 11A3B-11A47 11A51-11A56 11A59-11A5B
11A8A-11A96 11A98-11A9C 11A9E-11AA2 11B00-11B09 11C30-11C36 11C38-11C3D 11C3F 11C41-11C45 11C70-11C71 11C92-11CA7
11CAA-11CB0 11CB2-11CB3 11CB5-11CB6 11D31-11D36 11D3A 11D3C-11D3D 11D3F-11D45 11D47 11D90-11D91 11D95 11D97
11EF3-11EF4 11EF7-11EF8 11F00-11F01 11F36-11F3A 11F40 11F42-11F4F 11FFF 12FF1-12FF2 13430-13440 13447-13455
16E97-16E9A 16F4F 16FE2 16FE4 1CF00-1CF2D 1CF30-1CF46 1E000-1E006 1E008-1E018 1E01B-1E021 1E023-1E024 1E026-1E02A
1E08F 1E130-1E136 1E2AE 1E2EC-1E2EF 1E4EC-1E4EF 1E944-1E94A 1E95E-1E95F
"""

SPECIAL = ["[SEP]", "[CLS]", "[MASK]", "[UNK]", "[PAD]", "[sep]", "[[CLS]]", "x" * 100, "y" * 101, "é" * 100, "é" * 101]


def use_environment():
    """Runs this script with the Python that has `tokenizers`."""
    found = sorted(folder for folder in CACHE.glob("tokenizers-*") if (folder / "complete").exists())
    if not found:
        sys.exit(f"no tokenizers in {CACHE}: tools/test puts them there")
    if Path(sys.prefix) != found[-1]:
        python = str(found[-1] / "bin/python")
        os.execv(python, [python, __file__, *sys.argv[1:]])


def other_versions():
    out = set()
    for part in OTHER_VERSIONS.split():
        first, _, last = part.partition("-")
        out.update(range(int(first, 16), int(last or first, 16) + 1))
    return out


class Comparison:
    def __init__(self, program):
        from tokenizers import Tokenizer

        self.program = program
        self.tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAXIMUM_TOKENS)
        self.tokenizer.no_padding()

    def differences(self, texts):
        """The places of texts of which the two have different ids."""
        lines = "".join(json.dumps(text) + "\n" for text in texts)
        answer = subprocess.run([self.program, "tokens", MODEL], input=lines.encode(), stdout=subprocess.PIPE, check=True)
        ours = [json.loads(line) for line in answer.stdout.splitlines()]
        theirs = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        assert len(ours) == len(theirs) == len(texts)
        return [i for i, pair in enumerate(zip(ours, theirs)) if pair[0] != pair[1]]


def recorded_texts():
    texts = []
    for name, field in (("messages", "content"), ("questions", "question")):
        for line in (SHARED / f"data/locomo/{name}.jsonl").read_text(encoding="utf-8").splitlines():
            texts.append(json.loads(line)[field])
    return texts


def differing_code_points(comparison):
    points = [point for point in range(1, 0x110000) if not 0xD800 <= point <= 0xDFFF]
    groups = [points[i:i + 32] for i in range(0, len(points), 32)]
    text = lambda group: " ".join(f"a{chr(point)}b" for point in group)
    suspects = [point for i in comparison.differences([text(group) for group in groups]) for point in groups[i]]
    return {suspects[i] for i in comparison.differences([text([point]) for point in suspects])}


def random_texts(count, without):
    source = random.Random(SEED)
    points = [point for point in range(1, 0x110000) if not 0xD800 <= point <= 0xDFFF and point not in without]
    known = [point for point in points if unicodedata.category(chr(point)) not in ("Cn", "Co")]
    pools = [
        list(range(32, 127)),
        [point for point in known if point < 0x250],
        [point for point in known if point < 0x3000],
        [point for point in known if 0x3000 <= point < 0x10000],
        [point for point in known if point >= 0x10000],
        [point for point in known if unicodedata.combining(chr(point))],
        [0x09, 0x0A, 0x0B, 0x0D, 0x20, 0x85, 0xA0, 0xAD, 0x200B, 0x200D, 0x2028, 0x3000, 0xFE0F, 0xFFFD],
    ]
    for _ in range(count):
        text = ""
        for _ in range(source.randrange(1, 9)):
            pool = source.choice(pools)
            text += "".join(chr(source.choice(pool)) for _ in range(source.choice([1, 2, 3, 8, 20, 60])))
            if source.random() < 0.1:
                text += source.choice(SPECIAL)
        yield text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--texts", default=20000, type=int)
    options = parser.parse_args()
    use_environment()
    comparison = Comparison(options.program)
    failures = 0

    texts = recorded_texts()
    places = comparison.differences(texts)
    print(f"{len(texts)} recorded texts, {len(places)} differ")
    failures += len(places)

    allowed = other_versions()
    found = differing_code_points(comparison)
    wrong = sorted(found - allowed)
    print(f"every code point: {len(found)} differ, {len(wrong)} of them unexpectedly")
    print(" ".join(f"{point:X}" for point in wrong[:100]))
    failures += len(wrong)

    texts = list(random_texts(options.texts, allowed | found))
    places = comparison.differences(texts)
    print(f"{len(texts)} random texts (seed {SEED}), {len(places)} differ")
    for place in places[:5]:
        print("   ", ascii(texts[place]))
    failures += len(places)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
