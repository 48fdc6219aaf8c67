#!/usr/bin/env python3
"""Whole models: compile, run, explain, and what each refuses."""
import json
import os
import pathlib
import pty
import re
import subprocess
import sys
import unittest

import onnx_file
from command import COMMAND, Case, npy_bytes, read_npy, read_npz

SHARED = pathlib.Path(os.environ.get("SPARSMITH_DATA", pathlib.Path(__file__).resolve().parents[3] / "shared")) / "models"


class ModelCase(Case):
    def compiled(self, onnx, *more, name="model"):
        path = self.write(name + ".onnx", onnx) if isinstance(onnx, bytes) else str(onnx)
        self.compile_output = self.succeeds("compile", path, "-o", self.path(name + ".smk"), *more)
        return self.path(name + ".smk")

    def assert_close(self, actual, expected, tolerance=1e-5):
        self.assertEqual(len(actual), len(expected))
        largest = max(map(abs, expected), default=0) or 1
        self.assertLess(max((abs(a - b) for a, b in zip(actual, expected)), default=0), tolerance * largest)


class Models(ModelCase):
    ROWS = [[1, 2, 3, 4], [0, -1, 0.5, 2], [3, 0, 0, -1]]

    def rows_npy(self, name="x.npy"):
        return self.npy(name, (3, 4), [v for row in self.ROWS for v in row])

    def test_a_product_from_npy_to_npy(self):
        artifact = self.compiled(onnx_file.product())
        self.assertRegex(self.compile_output.stdout, r"model\.smk: .*compiled in")
        self.assertRegex(self.compile_output.stdout, r"1 layers, 5 of 12 weights nonzero \(41\.7 %\)")
        self.assertRegex(self.compile_output.stdout, r"activations at batch 1")
        self.assertEqual(self.compile_output.stderr, "")
        done = self.succeeds("run", artifact, "--input", self.rows_npy(), "--output", self.path("y.npy"))
        self.assertIn("y float32 [3, 3]", done.stdout)
        shape, values = read_npy(self.path("y.npy"))
        self.assertEqual(shape, (3, 3))
        self.assert_close(values, onnx_file.product_reference(self.ROWS))

    def test_arrays_by_name_and_other_types(self):
        artifact = self.compiled(onnx_file.lookup())
        scale = [float(i) for i in range(6)]
        given = self.npz("in.npz", {"scale": npy_bytes((2, 3), scale),
                                    "ids": npy_bytes((2,), [4, 1], descr="<i8", letter="q")})
        self.succeeds("run", artifact, "--input", given, "--output", self.path("out.npz"), "--threads", 2)
        outputs = read_npz(self.path("out.npz"))
        self.assertEqual(set(outputs), {"y", "rows"})
        rows = [[16, 17, 18, 19], [4, 5, 6, 7]]
        self.assertEqual(outputs["rows"], ("f4", (2, 4), tuple(v for row in rows for v in row)))
        expected = [sum(x * onnx_file.PRODUCT_W[k * 3 + m] for k, x in enumerate(row)) + scale[i * 3 + m]
                    for i, row in enumerate(rows) for m in range(3)]
        self.assert_close(outputs["y"][2], expected)

    def test_the_only_array_serves_the_only_input(self):
        artifact = self.compiled(onnx_file.product())
        given = self.npz("in.npz", {"another name": npy_bytes((1, 4), self.ROWS[0])})
        self.succeeds("run", artifact, "--input", given, "--output", self.path("out.npz"))
        self.assert_close(read_npz(self.path("out.npz"))["y"][2], onnx_file.product_reference(self.ROWS[:1]))

    def test_a_convolution(self):
        onnx, filters, mixing = onnx_file.convolution()
        artifact = self.compiled(onnx)
        x = [((i * 37) % 23 - 11) / 8 for i in range(60)]
        for threads in (1, 3):
            self.succeeds("run", artifact, "--input", self.npy("x.npy", (1, 2, 6, 5), x), "--output", self.path("y.npy"),
                          "--threads", threads)
            shape, values = read_npy(self.path("y.npy"))
            self.assertEqual(shape, (1, 3, 1, 1))
            self.assert_close(values, onnx_file.convolution_reference(x, filters, mixing))

    def test_times(self):
        artifact = self.compiled(onnx_file.convolution()[0])
        given = self.npy("x.npy", (1, 2, 6, 5), [0.5] * 60)
        done = self.succeeds("run", artifact, "--input", given, "--output", self.path("y.npy"), "--repeat", 7, "--json",
                             self.path("times.json"))
        self.assertRegex(done.stdout, r"median of 7 runs on 1 thread")
        with open(self.path("times.json"), encoding="utf-8") as file:
            times = json.load(file)
        for key in ("min_ns", "median_ns", "runs", "load_ns", "first_ns", "threads", "peak_activation_bytes",
                    "unshared_activation_bytes", "target", "layers"):
            self.assertIn(key, times)
        self.assertEqual((times["runs"], times["threads"]), (7, 1))
        self.assertLessEqual(times["min_ns"], times["median_ns"])
        self.assertGreater(times["min_ns"], 0)
        self.assertLessEqual(times["peak_activation_bytes"], times["unshared_activation_bytes"])
        names = [layer["name"] for layer in times["layers"]]
        for name in ("spatial", "mixing", "mean"):
            self.assertIn(name, names)
        for layer in times["layers"]:
            self.assertEqual(set(layer), {"name", "kind", "detail", "min_ns"})
            self.assertGreaterEqual(layer["min_ns"], 0)

    def test_a_second_compile_emits_nothing(self):
        self.compiled(onnx_file.product(), "--verbose")
        self.assertRegex(self.compile_output.stdout, r"code, 0 from the cache")
        self.assertRegex(self.compile_output.stderr, r"\[1/1\] .*product.*3 x 4, 58\.3 % zeros")
        self.compiled(onnx_file.product(), "--verbose", "--threads", 1)
        self.assertRegex(self.compile_output.stdout, r"code, 1 from the cache")
        self.assertIn("from the cache", self.compile_output.stderr)

    def test_progress_is_one_line_that_a_terminal_rewrites(self):
        onnx = self.write("model.onnx", onnx_file.convolution()[0])
        terminal, other_end = pty.openpty()
        subprocess.run([COMMAND, "compile", onnx, "-o", self.path("model.smk")], stdout=subprocess.DEVNULL,
                       stderr=other_end, env=self.environment, timeout=300, check=True)
        os.close(other_end)
        shown = os.read(terminal, 65536).decode()
        os.close(terminal)
        self.assertIn("[2/2]", shown)
        self.assertNotIn("\n", shown)
        self.assertTrue(shown.endswith("\r\x1b[K"), repr(shown))

    def test_fat_artifacts_take_the_best_target_that_runs(self):
        artifact = self.compiled(onnx_file.product(), "--target", "x86-64-v3,-f16c,x86-64-v3", "--cache", "none")
        targets = [line.split(":")[0].strip() for line in self.compile_output.stdout.splitlines() if " layers, " in line]
        self.assertEqual(targets, ["x86-64-v3", "x86-64-v3,-f16c"])
        self.succeeds("run", artifact, "--input", self.rows_npy(), "--output", self.path("y.npy"), "--json",
                      self.path("times.json"))
        with open(self.path("times.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["target"], "x86-64-v3")

    def test_equal_models_make_equal_artifacts(self):
        first = pathlib.Path(self.compiled(onnx_file.convolution()[0], "--cache", "none", name="a")).read_bytes()
        second = pathlib.Path(self.compiled(onnx_file.convolution()[0], "--cache", "none", "--threads", 1, name="b"))
        self.assertEqual(first, second.read_bytes())

    def test_explain_prints_a_line_for_each_step(self):
        onnx = self.write("model.onnx", onnx_file.convolution()[0])
        text = self.succeeds("explain", onnx).stdout
        for phrase in ("takes x: float32 [1, 2, 6, 5]", "gives y: float32 [1, 3, 1, 1]", "break-even %", "4x18x30",
                       "spatial", "mixing", "why:", "if all were dense", "activations:"):
            self.assertIn(phrase, text)
        self.assertNotIn("a call:", text)
        self.assertIn("a call:", self.succeeds("explain", onnx, "--measure").stdout)
        self.assertIn("a call:", self.succeeds("explain", self.compiled(onnx_file.convolution()[0])).stdout)

    def test_explain_as_json_and_page(self):
        artifact = self.compiled(onnx_file.convolution()[0])
        done = self.succeeds("explain", artifact, "--json", self.path("e.json"), "--html", self.path("e.html"))
        self.assertIn("page: ", done.stdout)
        with open(self.path("e.json"), encoding="utf-8") as file:
            report = json.load(file)
        kernels = {step["layer"]: step["kernel"] for step in report["steps"] if "kernel" in step}
        self.assertEqual(set(kernels), {"spatial", "mixing"})
        spatial = kernels["spatial"]
        self.assertEqual((spatial["m"], spatial["k"]), (4, 18))
        self.assertEqual(spatial["conv"]["kernel"], [3, 3])
        self.assertTrue(spatial["why"])
        self.assertGreater(spatial["predicted_dense_ns"], 0)
        self.assertGreater(report["total"]["measured_call_ns"], 0)
        self.assertGreater(report["peak_activation_bytes"], 0)
        html = pathlib.Path(self.path("e.html")).read_text(encoding="utf-8")
        self.assertEqual(html.count("data:image/png;base64,"), 2)
        self.assertIn("<svg", html)
        self.assertNotRegex(html, r"(?:src|href)=\"(?!data:)")  # nothing is loaded from elsewhere
        self.assertNotIn("http", html)
        self.assertEqual(json.loads(self.succeeds("explain", artifact, "--json").stdout)["file"], artifact)
        self.assertEqual(json.loads(self.succeeds("explain", "--json", artifact).stdout)["file"], artifact)

    def test_explain_names_kinds_of_pruning(self):
        def kind(nonzero):
            w = [float((k + 3 * m) % 5 + 1) if nonzero(k, m) else 0.0 for k in range(32) for m in range(32)]
            onnx = onnx_file.model([onnx_file.node("MatMul", ["x", "W"], ["y"], "layer")],
                                   [onnx_file.value_info("x", ["N", 32])], [onnx_file.value_info("y", ["N", 32])],
                                   [onnx_file.tensor("W", [32, 32], w)])
            step = json.loads(self.succeeds("explain", self.write("m.onnx", onnx), "--json").stdout)["steps"]
            return next(s["kernel"]["pattern"] for s in step if "kernel" in s)
        self.assertEqual(kind(lambda k, m: True), "dense")
        self.assertEqual(kind(lambda k, m: k % 3 and m < 20), "channel-pruned")
        self.assertEqual(kind(lambda k, m: (k + m) % 4 < 2), "2:4")
        self.assertEqual(kind(lambda k, m: (m // 4 * 5 + k * 3) % 7 == 0), "blocks 4x1")
        self.assertEqual(kind(lambda k, m: (k * k * 7 + m * m * 5 + k * m) % 11 == 0), "unstructured")


class BadModels(ModelCase):
    def test_layer_options_are_wrong_usage(self):
        onnx = self.write("model.onnx", onnx_file.product())
        for option in (["--n", 4], ["--conv", "1,2,2"], ["--relu"], ["--bias", "b.npy"], ["--layout", "panel"],
                       ["--clip", "0,6"], ["--seed", 2], ["--network-mb", 3]):
            with self.subTest(option=option):
                self.fails(["compile", onnx, "-o", self.path("m.smk"), *option], f"^sparsmith: {option[0]} describes a layer",
                           "model.onnx is a whole model", code=2)
                self.fails(["explain", onnx, *option], f"^sparsmith: {option[0]} describes a layer", code=2)
        weights = self.small_weights()
        self.fails(["compile", weights, "-o", self.path("w.smk"), "--threads", 2], "--threads is for models", code=2)
        self.fails(["explain", weights, "--measure"], "--measure is for models", code=2)
        self.succeeds("compile", weights, "-o", self.path("w.smk"))
        self.fails(["run", self.path("w.smk"), "--input", "x.npy", "--output", "y.npy", "--repeat", 3],
                   "--repeat is for models", code=2)
        artifact = self.compiled(onnx_file.product())
        self.fails(["run", artifact, "--input", "x.npy", "--output", "y.npy", "--residual", "r.npy"], "whole model", code=2)
        self.fails(["explain", artifact, "--tune"], "--tune can't change what is compiled already", code=2)

    def test_targets(self):
        onnx = self.write("model.onnx", onnx_file.product())
        command = ["compile", onnx, "-o", self.path("m.smk"), "--target"]
        self.fails([*command, "x86-64-v3,x86-64-v3"], "names x86-64-v3 twice")
        self.fails([*command, "x86-64-v3,arm"], "unknown target 'arm'")
        self.fails([*command, "x86-64-v3,+nonsense"], "unknown CPU feature")
        self.assertFalse(os.path.exists(self.path("m.smk")))

    def test_files_that_are_no_models(self):
        good = onnx_file.product()
        for name, content in (("empty.onnx", b""), ("text.onnx", b"this is no model"), ("cut.onnx", good[:len(good) // 2])):
            with self.subTest(name=name):
                self.fails(["compile", self.write(name, content), "-o", self.path("m.smk")], name)
        self.fails(["compile", self.path("none.onnx"), "-o", self.path("m.smk")], r"none\.onnx")
        self.fails(["explain", self.path("none.onnx")], r"none\.onnx")
        unknown = onnx_file.model([onnx_file.node("FlyToTheMoon", ["x"], ["y"], "rocket")],
                                  [onnx_file.value_info("x", [1, 4])], [onnx_file.value_info("y", [1, 4])])
        self.fails(["compile", self.write("unknown.onnx", unknown), "-o", self.path("m.smk")], "FlyToTheMoon", "rocket")
        self.assertFalse(os.path.exists(self.path("m.smk")))

    def test_inputs(self):
        artifact = self.compiled(onnx_file.lookup())
        scale, ids = npy_bytes((2, 3), [0.0] * 6), npy_bytes((2,), [4, 1], descr="<i8", letter="q")

        def refused(members, *phrases, output="out.npz"):
            self.fails(["run", artifact, "--input", self.npz("in.npz", members), "--output", self.path(output)], *phrases)
            self.assertFalse(os.path.exists(self.path(output)))
        takes = r'the model takes "ids" int64 \[N\]; "scale" float32 \[N, 3\]'
        refused({"ids": ids}, r'in\.npz has no array named "scale"', takes)
        refused({"ids": ids, "scale": scale, "x": scale}, r'"x", which is no input of the model', takes)
        refused({"ids": scale, "scale": scale}, r'in\.npz:ids is float32; the model takes "ids" as int64 \[N\]')
        refused({"ids": ids, "scale": npy_bytes((2, 3), [0.0] * 6, descr="<f8", letter="d")},
                r"scale is float64", r"astype\(numpy\.float32\)")
        refused({"ids": ids, "scale": npy_bytes((2, 4), [0.0] * 8)}, r"shape \[2, 4\].*float32 \[N, 3\]")
        refused({"ids": ids, "scale": npy_bytes((6,), [0.0] * 6)}, r"shape \[6\] of 1 dimensions rather than 2")
        refused({"ids": npy_bytes((3,), [4, 1, 0], descr="<i8", letter="q"), "scale": scale}, "sparsmith: ")
        refused({"ids": ids, "scale": scale}, r'an \.npy holds one array.*"y", "rows"', output="out.npy")
        refused({"ids": ids, "scale": scale}, "suffix", output="out.bin")
        self.fails(["run", artifact, "--input", self.npy("x.npy", (2, 3), [0] * 6), "--output", self.path("o.npz")],
                   "one array without a name", takes)
        self.fails(["run", artifact, "--input", self.path("none.npz"), "--output", self.path("o.npz")], r"none\.npz")

    def test_damaged_artifacts(self):
        artifact = self.compiled(onnx_file.product())
        good = pathlib.Path(artifact).read_bytes()
        x = self.npy("x.npy", (1, 4), [1, 2, 3, 4])
        for cut in (8, 20, len(good) // 2, len(good) - 1):
            path = self.write("cut.smk", good[:cut])
            self.fails(["run", path, "--input", x, "--output", self.path("y.npy")], r"cut\.smk")
            self.fails(["explain", path], r"cut\.smk")
        for at in (30, len(good) // 3, len(good) - 3):
            path = self.write("bent.smk", good[:at] + bytes([good[at] ^ 4]) + good[at + 1:])
            self.fails(["run", path, "--input", x, "--output", self.path("y.npy")], r"bent\.smk")
        self.assertFalse(os.path.exists(self.path("y.npy")))


class SharedModels(ModelCase):
    """Real networks, where the folder of data has them."""

    def setUp(self):
        super().setUp()
        if not SHARED.is_dir():
            reason = f"{SHARED} is not there; set SPARSMITH_DATA to the folder that holds models/"
            print(reason, file=sys.stderr)
            self.skipTest(reason)

    @staticmethod
    def sample(stored, name, index):
        """One of the samples along the leading axis, as a batch of one."""
        _, shape, values = stored[name]
        size = len(values) // shape[0]
        return (1, *shape[1:]), values[index * size:(index + 1) * size]

    def check_network(self, network, given, expected):
        artifact = self.compiled(SHARED / f"{network}.onnx", "--cache", "none", name=network)
        stored = read_npz(SHARED / f"{network}.io.npz")
        for index in range(2):
            shape, values = self.sample(stored, given, index)
            self.succeeds("run", artifact, "--input", self.npy("x.npy", shape, values), "--output", self.path("out.npz"))
            results = read_npz(self.path("out.npz"))
            self.assertEqual(set(results), set(expected))
            for name in expected:
                shape, values = self.sample(stored, name, index)
                self.assertEqual(results[name][1], shape)
                self.assert_close(results[name][2], values)

    def test_lenet_on_a_thousand_digits_at_once(self):
        artifact = self.compiled(SHARED / "mnist_lenet300_mag90_N.onnx", "--cache", "none", name="lenet")
        takes = re.search(r"takes image: float32 \[N, (.*)\]", self.compile_output.stdout).group(1)
        test = read_npz(SHARED / "mnist_test1000.npz")
        shape = (1000, *map(int, takes.split(", ")))
        self.succeeds("run", artifact, "--input", self.npy("x.npy", shape, [v / 255 for v in test["image"][2]]),
                      "--output", self.path("logits.npy"))
        _, logits = read_npy(self.path("logits.npy"))
        self.assert_close(logits, test["logits_mag90"][2])
        right = sum(max(range(10), key=lambda c, i=i: logits[i * 10 + c]) == label
                    for i, label in enumerate(test["label"][2]))
        self.assertEqual(right, 991)  # accuracy.csv

    def test_squeezenet(self):
        self.check_network("squeezenet_dc_33", "data", ["logits"])

    def test_pose_detection(self):
        self.check_network("pose_detection_75", "input", ["Identity", "Identity_1"])


if __name__ == "__main__":
    unittest.main()
