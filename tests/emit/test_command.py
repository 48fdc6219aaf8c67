#!/usr/bin/env python3
"""compile --emit object: what it writes, and what it refuses before it writes anything."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from command import DIGITS, Case  # noqa: E402

NETWORK = DIGITS / "digits_cnn.onnx"


class Emit(Case):
    def written(self):
        return sorted(p.name for p in self.folder.iterdir() if p.is_file())

    def test_object_and_header(self):
        done = self.succeeds("compile", NETWORK, "--emit", "object", "-o", self.path("seven-of.9.o"), "--cache", "none")
        self.assertRegex(done.stdout, r"seven-of\.9\.o and .*seven-of\.9\.h: ")
        self.assertEqual(self.written(), ["seven-of.9.h", "seven-of.9.o"])
        self.assertIn("seven_of_9_smk[]", (self.folder / "seven-of.9.h").read_text())
        self.assertEqual((self.folder / "seven-of.9.o").read_bytes()[:4], b"\x7fELF")

    def test_named(self):
        self.succeeds("compile", NETWORK, "--emit", "object", "--name", "net", "-o", self.path("a.o"), "--cache", "none")
        self.assertIn("net_load()", (self.folder / "a.h").read_text())

    def test_refused(self):
        for ending in ("a.smk", ".o", "a"):
            self.fails(["compile", NETWORK, "--emit", "object", "-o", ending], r"has to end with \.o", code=2,
                       cwd=self.folder)
        self.fails(["compile", NETWORK, "--emit", "code", "-o", self.path("a.o")], "--emit", code=2)
        self.fails(["compile", NETWORK, "--name", "net", "-o", self.path("a.smk")], "--emit object", code=2)
        self.fails(["compile", NETWORK, "--emit", "object", "--name", "1a", "-o", self.path("a.o"), "--cache", "none"],
                   "can't be the name of symbols")
        self.fails(["compile", DIGITS / "hidden.npz", "--emit", "object", "-o", self.path("a.o"), "--n", 4],
                   "is for models", code=2)
        self.assertEqual(self.written(), [])


if __name__ == "__main__":
    unittest.main()
