#!/usr/bin/env python3
"""Tests of bench/models with programs in the places of the engines and of the command, and of its table."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
import model_report  # noqa: E402
import model_set  # noqa: E402

# Stands for the Python of every engine's environment: makes networks, and answers as model_engines.py does.
PYTHON = """#!{python} -IS
import json, os, signal, sys
BEHAVIOUR = {behaviour!r}
if sys.argv[1].endswith("model_set.py"):
    made = dict(model=sys.argv[2], input="i", expected="e", sigmoid=[], weights=100, nonzeros=10)
    made.update(BEHAVIOUR.get("made", dict()))
    print(json.dumps(made))
    sys.exit()
engine = sys.argv[2]
for line in sys.stdin:
    request = json.loads(line)
    if "open" in request:
        if engine == "deepsparse" and request["open"] in BEHAVIOUR.get("aborts", []):
            print("Assertion at here.cpp:1", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGABRT)
        reply = dict(version=engine + " 1")
    elif "check" in request:
        reply = dict(error=BEHAVIOUR.get("errors", dict()).get(engine, 0))
    elif "compare" in request:
        reply = dict(error=BEHAVIOUR.get("own_error", 0))
    elif engine == "openvino" and BEHAVIOUR.get("dies_later"):
        sys.exit(3)
    else:
        reply = dict(ns=dict(onnxruntime=[900, 950, 1000], openvino=[800, 810, 820]).get(engine, [500, 510, 530]))
    print(json.dumps(reply), flush=True)
"""

COMMAND = """#!{python} -IS
import json, os, sys
words = sys.argv[1:]
if words[0] == "--version":
    print("sparsmith 9")
elif words[0] == "compile":
    open(words[words.index("-o") + 1], "w").write("artifact")
elif {fails}:
    print("sparsmith: no such thing", file=sys.stderr)
    sys.exit(1)
else:
    assert len(os.sched_getaffinity(0)) == int(words[words.index("--threads") + 1])
    json.dump(dict(min_ns=100, median_ns=120, runs=3, load_ns=7, threads=1, peak_activation_bytes=64,
                   layers=[dict(name="a", ns=100)]), open(words[words.index("--json") + 1], "w"))
"""


class Run(unittest.TestCase):
    def bench(self, *arguments, fails=False, status=0, **behaviour):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            python = PYTHON.format(python=sys.executable, behaviour=behaviour)
            programs = {folder / f".venv-{engine}" / "bin/python": python
                        for engine in ("onnxruntime", "openvino", "deepsparse")}
            programs[folder / "build/bin/sparsmith"] = COMMAND.format(python=sys.executable, fails=fails)
            for path, text in programs.items():
                path.parent.mkdir(parents=True)
                path.write_text(text)
                path.chmod(0o755)
            places = {"--venvs": folder, "--build": folder / "build", "--output": folder / "out",
                      "--work": folder / "work", "--data": folder}
            done = subprocess.run([HERE / "models", "--kinds", "pruned", "--threads", "1", "--rounds", "2",
                                   "--sample", "1", *(word for place in places.items() for word in place),
                                   *arguments], capture_output=True, text=True)
            self.assertEqual(done.returncode, status, done.stderr)
            output = folder / "out"
            rows = json.loads((output / "models.json").read_text())["rows"]
            return rows, (output / "models.md").read_text(), done.stderr

    def test_everything_is_measured_in_one_row(self):
        (row,), text, said = self.bench("--models", "mobilenet_v1_90")
        self.assertEqual({name: entry["min_ns"] for name, entry in row["engines"].items()},
                         {"sparsmith": 100, "onnxruntime": 900, "openvino": 800, "deepsparse": 500})
        self.assertEqual(row["engines"]["openvino"]["median_ns"], 810)
        self.assertTrue(all(entry["verified"] for entry in row["engines"].values()))
        self.assertEqual(row["engines"]["sparsmith"]["layers"], [{"name": "a", "ns": 100}])
        self.assertIn("| MobileNetV1 90 %: over the best dense | >= 4.5x | 8.00x | yes |", text)
        self.assertIn("litert is absent", said)

    def test_a_command_that_cannot_do_it_is_named_and_the_others_stay(self):
        (row,), text, said = self.bench("--models", "mobilenet_v1_90", fails=True)
        self.assertIn("sparsmith is not measured: `sparsmith run` ended with status 1: no such thing", said)
        self.assertEqual(row["engines"]["openvino"]["min_ns"], 800)
        self.assertIn("over the best dense | >= 4.5x | not measured |", text)

    def test_an_engine_that_aborts_is_timed_on_its_variant(self):
        made = {"deepsparse_variant": "other"}
        (row,), text, _ = self.bench("--models", "pose_detection_75", aborts=["pose_detection_75"], made=made)
        self.assertEqual(row["engines"]["deepsparse"]["on_model"], "aborts (Assertion at here.cpp:1)")
        self.assertIn("| 0.0005 (0.00051)* |", text)
        (row,), text, _ = self.bench("--models", "pose_detection_75", aborts=["pose_detection_75", "other"], made=made)
        self.assertEqual(row["engines"]["deepsparse"], {"failed": "aborts (Assertion at here.cpp:1)"})
        self.assertIn("| aborts |", text)
        self.assertEqual(row["engines"]["onnxruntime"]["min_ns"], 900)

    def test_an_engine_that_ends_while_timed_is_named(self):
        (row,), _, _ = self.bench("--models", "lenet300_90", dies_later=True)
        self.assertEqual(row["engines"]["openvino"]["failed"], "aborts, ended with status 3")
        self.assertEqual(row["engines"]["deepsparse"]["min_ns"], 500)

    def test_wrong_outputs_have_no_bars_met(self):
        (row,), text, said = self.bench("--models", "lenet300_90", own_error=1e-3, status=1,
                                        errors={"deepsparse": 0.1, "openvino": 1e-4})
        self.assertFalse(row["engines"]["sparsmith"]["verified"])
        self.assertIn("**wrong**", text)
        self.assertIn("over the best | >= 5x | not measured |", text)
        self.assertIn("Sparsmith's outputs are wrong for lenet300_90", said)
        self.assertIn("its outputs are wrong, error 0.1", row["engines"]["deepsparse"]["failed"])
        self.assertIn("OpenVINO's outputs differ by 1.0e-04", text)

    def test_batches_are_compared_with_one_image(self):
        (row,), text, _ = self.bench("--models", "mobilenet_v1_90", "--batch", "8")
        self.assertEqual(model_report.scaling(row), 8)
        self.assertIn("batch 8: images a second over one thread, batch 1 | >= 1x | 8.00x | yes |", text)

    def test_unknown_names_are_wrong_usage(self):
        done = subprocess.run([HERE / "models", "--models", "alexnet"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("alexnet is none of mobilenet_v1_90", done.stderr)


class Bars(unittest.TestCase):
    def row(self, kind="pruned", model="pose_detection_75", threads=1, **times):
        return {"model": model, "kind": kind, "threads": threads, "batch": 1, "weights": 4, "nonzeros": 1,
                "engines": {name: {"min_ns": ns, "median_ns": ns, "verified": True} for name, ns in times.items()}}

    def test_the_best_of_all_counts_sparse_engines_too(self):
        row = self.row(sparsmith=100, onnxruntime=400, litert=300, deepsparse=200)
        self.assertEqual(model_report.speedup(row, "best_dense"), 3)
        self.assertEqual(model_report.bars(row), [("over the best", 2.0, 2.2, False)])

    def test_twins_may_be_a_little_slower(self):
        twin = self.row("dense", sparsmith=105, openvino=100)
        (_, taken, _, met), = model_report.bars(twin)
        self.assertAlmostEqual(taken, 1.05)
        self.assertTrue(met)
        self.assertFalse(model_report.bars(self.row("dense", sparsmith=120, openvino=100))[0][3])

    def test_two_threads(self):
        row = self.row(model="resnet50_90", threads=2, sparsmith=50, sparsmith_alone=90, openvino=100)
        self.assertEqual(model_report.bars(row), [("images a second over one thread, batch 1", 1.8, 1.85, False)])

    def test_cases_are_the_regimes_of_the_bars_or_those_asked_for(self):
        self.assertEqual(model_set.cases(["resnet50_90"]), [
            ("resnet50_90", "pruned", 1, 1), ("resnet50_90", "dense", 1, 1), ("resnet50_90", "pruned", 2, 1),
            ("resnet50_90", "pruned", 1, 8)])
        self.assertEqual(model_set.cases(["resnet50_95"], [2]), [("resnet50_95", "pruned", 2, 1)])


if __name__ == "__main__":
    unittest.main()
