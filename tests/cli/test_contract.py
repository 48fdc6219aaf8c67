#!/usr/bin/env python3
"""The command's contract: what scripts may rely on."""
import json
import math
import os
import pathlib
import re
import unittest

from command import DIGITS, Case, read_csr, read_npy


class Digits(Case):
    """The embedded layer, from weights to results."""

    def compiled(self, *more):
        kernel = self.path("hidden.smk")
        self.succeeds("compile", DIGITS / "hidden.npz", "-o", kernel, "--n", 128, "--bias", DIGITS / "hidden_bias.npy",
                      *more)
        return kernel

    def expected(self, activation):
        _, _, rows = read_csr(DIGITS / "hidden.npz")
        _, bias = read_npy(DIGITS / "hidden_bias.npy")
        (_, n), x = read_npy(DIGITS / "activations.npy")
        for row, b in zip(rows, bias):
            line = [float(b)] * n
            for column, value in row:
                for i in range(n):
                    line[i] += value * x[column * n + i]
            yield from map(activation, line)

    def check_run(self, kernel, activation, *more):
        output = self.path("y.npy")
        self.succeeds("run", kernel, "--input", DIGITS / "activations.npy", "--output", output, *more)
        shape, y = read_npy(output)
        self.assertEqual(shape, (512, 128))
        worst = max(abs(a - b) for a, b in zip(y, self.expected(activation)))
        self.assertLess(worst, 1e-4)

    def test_relu(self):
        self.check_run(self.compiled("--relu"), lambda v: max(v, 0.0))

    def test_clip(self):
        self.check_run(self.compiled("--clip", "-0.5,0.75"), lambda v: min(0.75, max(-0.5, v)))

    def test_activations(self):
        for text, formula in (("silu", lambda v: v / (1 + math.exp(-v))),
                              ("gelu_erf", lambda v: v * (1 + math.erf(v / math.sqrt(2))) / 2),
                              ("hard_sigmoid,0.25,0.4", lambda v: min(1.0, max(0.0, 0.25 * v + 0.4)))):
            with self.subTest(activation=text):
                self.check_run(self.compiled("--activation", text), formula)

    def test_threads(self):
        self.check_run(self.compiled(), lambda v: v, "--threads", 2)

    def test_panel_layout(self):
        self.check_run(self.compiled("--relu", "--layout", "panel"), lambda v: max(v, 0.0))

    def test_tuned(self):
        self.check_run(self.compiled("--relu", "--tune", "--cache", "none"), lambda v: max(v, 0.0))

    def test_avx2(self):
        self.check_run(self.compiled("--relu", "--target", "x86-64-v3"), lambda v: max(v, 0.0))

    def test_disasm_names_the_nonzero_behind_each_fma(self):
        _, _, rows = read_csr(DIGITS / "hidden.npz")
        text = self.succeeds("disasm", self.compiled()).stdout
        self.assertIn("vfmadd231ps", text)
        row, entries = next((i, r) for i, r in enumerate(rows) if r)
        self.assertIn(f"W[{row}, {entries[0][0]}]", text)

    def test_explain(self):
        text = self.succeeds("explain", DIGITS / "hidden.npz", "--n", 128).stdout
        for phrase in ("512 x 512", "26214 nonzeros", "90.0 % zeros", "->", "dense", "why: "):
            self.assertIn(phrase, text)

    def test_explain_says_how_threads_divide_a_call(self):
        def split(n):
            return self.json_of("explain", DIGITS / "hidden.npz", "--n", n, "--threads", 2, "--json")["split"]
        self.assertEqual(split(16), {"threads": 2, "by": "rows"})
        self.assertEqual(split(3136), {"threads": 2, "by": "columns"})
        text = self.succeeds("explain", DIGITS / "hidden.npz", "--n", 3136, "--threads", 2).stdout
        self.assertIn("threads: 2 divide the columns", text)

    def test_explain_json(self):
        page = self.path("page.html")
        report = self.json_of("explain", DIGITS / "hidden.npz", "--n", 128, "--json", "--html", page)
        self.assertEqual(report["pattern"]["nnz"], 26214)
        self.assertEqual(sum(report["pattern"]["row_histogram"]), 512)
        plan = report["plan"]
        self.assertEqual((plan["m"], plan["k"], plan["n"]), (512, 512, 128))
        self.assertIn("dense", {c["schedule"]["form"] for c in plan["candidates"]})
        self.assertEqual([c["schedule"] for c in plan["candidates"] if c["chosen"]][0], plan["chosen"])
        self.assertTrue(plan["reason"])
        self.assertFalse(plan["tuned"])
        with open(page, encoding="utf-8") as file:
            html = file.read()
        self.assertIn("data:image/png;base64,", html)
        self.assertIn(plan["chosen"]["text"], html)
        self.assertNotRegex(html, r"(?:src|href)=\"(?!data:)")  # nothing is loaded from elsewhere
        self.assertNotIn("http", html)

    def test_explain_tuned_measures(self):
        plan = self.json_of("explain", DIGITS / "hidden.npz", "--n", 128, "--tune", "--json")["plan"]
        self.assertTrue(plan["tuned"])
        self.assertGreater([c for c in plan["candidates"] if c["chosen"]][0]["measured_ns"], 0)

    def test_calibrate_is_used_and_survives_damage(self):
        cache = self.path("cache")
        done = self.succeeds("calibrate", "--cache", cache)
        self.assertIn("dense_fma", done.stdout)
        kept = re.search(r"kept in (.*)", done.stdout).group(1)

        def explain():
            return self.succeeds("explain", DIGITS / "hidden.npz", "--n", 128, "--cache", cache, "--json")
        calibrated = explain()
        self.assertEqual(calibrated.stderr, "")
        with open(kept, "a", encoding="utf-8") as file:
            file.write("fma 0\n")
        damaged = explain()
        self.assertEqual(damaged.stderr.count("damaged"), 1)
        self.assertNotEqual(json.loads(calibrated.stdout), json.loads(damaged.stdout))

    def test_a_tuned_decision_is_kept_for_other_processes(self):
        def tuned():
            return self.json_of("explain", DIGITS / "hidden.npz", "--n", 48, "--tune", "--cache", self.path("cache"),
                                "--json")["plan"]
        first = tuned()
        self.assertTrue(first["tuned"])
        self.assertEqual(tuned(), first)  # measuring again would not give the same times

    @unittest.skipIf(os.environ.get("SPARSMITH_SANITIZE"), "a sanitizer's own memory takes minutes to evict")
    def test_bench_cold(self):
        rows_path = self.path("rows.json")
        done = self.succeeds("bench", DIGITS / "hidden.npz", "--n", 16, "--peers", "none", "--budget", 2, "--cold",
                             "--tune", "--json", rows_path)
        self.assertIn("cold us", done.stdout)
        with open(rows_path, encoding="utf-8") as file:
            self.assertEqual([row["cold"] for row in json.load(file)], [True, True])

    def test_a_network_counts_against_large_code(self):
        def predicted(*options):
            plan = self.json_of("explain", DIGITS / "hidden.npz", "--n", 16, "--json", *options)["plan"]
            return [c for c in plan["candidates"] if c["chosen"]][0]["predicted_ns"]
        self.assertGreater(predicted("--network-mb", 100000), predicted())

    def test_bench(self):
        rows_path = self.path("rows.json")
        done = self.succeeds("bench", DIGITS / "hidden.npz", "--n", "1,33", "--peers", "none", "--budget", 2, "--json",
                             rows_path)
        self.assertIn("of peak", done.stdout)
        self.assertIn("n=33", done.stderr)
        with open(rows_path, encoding="utf-8") as file:
            rows = json.load(file)
        self.assertEqual([(r["n"], r["layout"]) for r in rows],
                         [(1, "panel"), (1, "plain"), (33, "panel"), (33, "plain")])
        for row in rows:
            for key in ("file", "op", "m", "k", "nnz", "n", "dtype", "threads", "layout", "ns_min", "ns_median",
                        "pack_ns_median", "compile_ns", "code_bytes", "gflops_effective", "fma_peak_gflops",
                        "fraction_of_peak", "max_rel_error", "peers"):
                self.assertIn(key, row)
            self.assertEqual((row["m"], row["k"], row["nnz"], row["dtype"]), (512, 512, 26214, "fp32"))
            self.assertLess(row["max_rel_error"], 1e-5)
            self.assertAlmostEqual(row["gflops_effective"], 2 * 26214 * row["n"] / row["ns_min"], places=3)
            self.assertEqual(set(row["peers"]), {"own_dense"})
            self.assertGreater(row["peers"]["own_dense"]["ns_min"], 0)
            self.assertLessEqual(row["ns_min"], row["ns_median"])

    def test_bench_cases_file(self):
        filters = self.npy("filters.npy", (2, 3, 3, 3), [i % 5 - 2 for i in range(54)])
        cases = self.write("cases.txt", f"# two sizes of one layer\n{DIGITS}/hidden.npz 7,20  # odd ones\n\n"
                                        f"{filters} --conv 3,6,7 --kernel 3x3 --stride 2 --pad 0,0,1,1\n")
        done = self.succeeds("bench", "--cases", cases, "--peers", "none", "--budget", 1, "--threads", 2)
        self.assertEqual(done.stdout.count("hidden.npz"), 4)
        self.assertEqual(done.stdout.count("3@6x7 3x3 /2"), 2)

    def test_bench_of_a_convolution(self):
        filters = self.npy("filters.npy", (4, 2, 3, 3), [i % 4 - 1 for i in range(72)])
        rows_path = self.path("rows.json")
        self.succeeds("bench", filters, "--conv", "4,9,8", "--kernel", "3x3", "--pad", 1, "--stride", "2,1", "--groups",
                      2, "--batch", 3, "--peers", "none", "--budget", 1, "--json", rows_path)
        with open(rows_path, encoding="utf-8") as file:
            rows = json.load(file)
        self.assertEqual([row["layout"] for row in rows], ["panel", "plain"])
        for row in rows:
            self.assertEqual((row["op"], row["m"], row["k"], row["n"]), ("conv", 4, 18, 3 * 5 * 8))
            self.assertEqual(row["conv"], {"channels": 4, "height": 9, "width": 8, "kernel": [3, 3], "stride": [2, 1],
                                           "pad": [1, 1, 1, 1], "dilation": [1, 1], "groups": 2, "batch": 3,
                                           "out": [5, 8]})
            self.assertLess(row["max_rel_error"], 1e-5)

    def test_bench_of_two_layers_in_one_call(self):
        first = self.npy("first.npy", (4, 1, 3, 3), [i % 4 - 1 for i in range(36)])
        second = self.npy("second.npy", (5, 4), [i % 3 - 1 for i in range(20)])
        rows_path = self.path("rows.json")
        done = self.succeeds("bench", first, "--conv", "4,9,8", "--kernel", "3x3", "--pad", 1, "--stride", 2, "--groups",
                             4, "--batch", 2, "--then", second, "--peers", "none", "--budget", 1, "--json", rows_path)
        self.assertIn("x two calls", done.stdout)
        with open(rows_path, encoding="utf-8") as file:
            rows = json.load(file)
        self.assertEqual([(row["op"], row["layout"]) for row in rows], [("pair", "panel"), ("pair", "plain")])
        for row in rows:
            self.assertEqual((row["m"], row["between"], row["k"], row["n"]), (5, 4, 9, 2 * 5 * 4))
            self.assertEqual((pathlib.Path(row["file"]).name, pathlib.Path(row["then"]).name), ("first.npy", "second.npy"))
            self.assertEqual(set(row["peers"]), {"two_calls", "first", "second", "always_fused"})
            self.assertEqual(row["nnz"], row["first_nnz"] + row["second_nnz"])
            self.assertEqual(row["block_positions"], 0)  # some KB
            self.assertIn("second-level cache", row["reason"])
            self.assertLess(row["max_rel_error"], 1e-5)
        self.write("cases.txt", "first.npy --conv 4,9,8 --kernel 3x3 --groups 4 --then second.npy\n")
        listed = self.succeeds("bench", "--cases", self.path("cases.txt"), "--peers", "none", "--budget", 1)
        self.assertEqual(listed.stdout.count("second.npy"), 2)

    def test_bench_for_another_target(self):
        rows_path = self.path("rows.json")
        self.succeeds("bench", DIGITS / "hidden.npz", "--n", 16, "--target", "x86-64-v3", "--peers", "none", "--budget",
                      1, "--json", rows_path)
        with open(rows_path, encoding="utf-8") as file:
            self.assertEqual({row["target"] for row in json.load(file)}, {"x86-64-v3"})

    def test_cache(self):
        self.assertEqual(self.succeeds("cache", "path").stdout.strip(), self.environment["SPARSMITH_CACHE"])
        again = ["compile", DIGITS / "hidden.npz", "-o", self.path("again.smk"), "--n", 128, "--bias",
                 DIGITS / "hidden_bias.npy"]
        self.assertRegex(self.succeeds(*again).stdout, r"cache: miss, planned in \S+ \S+, emitted in \d")
        self.assertRegex(self.succeeds(*again).stdout, r"cache: hit, code from the disk cache")
        self.assertRegex(self.succeeds(*again, "--cache", "none").stdout, r"cache: off, planned in \d")
        listed = self.succeeds("cache", "list").stdout
        self.assertIn("hidden", listed)
        self.assertRegex(listed, r"(?m)^1 entry")
        self.assertRegex(self.succeeds("cache", "clear").stdout, r"^1 entry removed")
        self.assertRegex(self.succeeds("cache", "list").stdout, r"^0 entries")

    def test_cache_none_writes_nothing(self):
        self.compiled("--cache", "none")
        self.assertFalse(os.path.exists(self.environment["SPARSMITH_CACHE"]))


class Shapes(Case):
    """Small problems whose results are known by heart."""

    def run_small(self, weights_options, x_shape, x, *run_options):
        kernel, output = self.path("k.smk"), self.path("y.npy")
        self.succeeds("compile", self.small_weights(), "-o", kernel, *weights_options)
        self.succeeds("run", kernel, "--input", self.npy("x.npy", x_shape, x), "--output", output, *run_options)
        return read_npy(output)

    def test_any_n_runs(self):
        for n in (1, 2, 15, 16, 17, 48, 100):
            with self.subTest(n=n):
                x = [float(i % 11 - 5) for i in range(3 * n)]
                shape, y = self.run_small(["--n", 16], (3, n), x)
                self.assertEqual(shape, (2, n))
                self.assertEqual(list(y), [x[i] + 2 * x[2 * n + i] for i in range(n)] + [3 * x[2 * n + i] for i in range(n)])

    def test_a_vector_gives_a_vector(self):
        self.assertEqual(self.run_small(["--n", 1], (3,), [1, 2, 3]), ((2,), (7, 9)))

    def test_convolution(self):
        x = [float(i) for i in range(2 * 3 * 3 * 3)]
        for layout in ("plain", "panel"):
            for stride, positions in ((1, range(9)), (2, (0, 2, 6, 8))):
                with self.subTest(layout=layout, stride=stride):
                    shape, y = self.run_small(["--conv", f"3,3,3,{stride}", "--layout", layout], (2, 3, 3, 3), x)
                    side = 3 if stride == 1 else 2
                    self.assertEqual(shape, (2, 2, side, side))
                    expected = []
                    for image in (x[:27], x[27:]):
                        expected += [image[p] + 2 * image[18 + p] for p in positions]
                        expected += [3 * image[18 + p] for p in positions]
                    self.assertEqual(list(y), expected)

    def test_images_in_every_layout(self):
        x = [float(i % 7 - 3) for i in range(2 * 3 * 5 * 4)]
        results = []
        for layouts in (["--layout", "plain"], ["--layout", "panel"], ["--layout", "plane"], ["--layout", "row"],
                        ["--x-layout", "plane"], ["--y-layout", "row"]):
            with self.subTest(layouts=layouts):
                shape, y = self.run_small(["--conv", "3,5,4", "--pad", "1,0,0,2", *layouts], (2, 3, 5, 4), x)
                self.assertEqual(shape, (2, 2, 6, 6))
                results.append(list(y))
        self.assertTrue(any(results[0]))
        self.assertEqual(results, [results[0]] * len(results))

    def test_bench_of_every_layout_of_images(self):
        filters = self.npy("filters.npy", (4, 4, 3, 3), [i % 4 - 1 for i in range(144)])
        rows_path = self.path("rows.json")
        self.succeeds("bench", filters, "--conv", "4,9,8", "--kernel", "3x3", "--pad", 1, "--peers", "none", "--budget", 1,
                      "--layouts", "plane,plain,row,panel", "--json", rows_path)
        with open(rows_path, encoding="utf-8") as file:
            rows = json.load(file)
        self.assertEqual([row["layout"] for row in rows], ["plane", "plain", "row", "panel"])
        for row in rows:
            self.assertGreater(row["pack_ns_median"], 0)
            self.assertEqual(len([name for name in row["peers"] if name in ("own_strips", "own_planes", "own_rows")]),
                             2 if row["layout"] == "plain" else 0)

    def test_explain_says_why_images_lie_so(self):
        filters = self.npy("filters.npy", (4, 4, 3, 3), [i % 4 - 1 for i in range(144)])
        conv = ["explain", filters, "--conv", "4,9,8", "--kernel", "3x3", "--pad", 1]
        plan = json.loads(self.succeeds(*conv, "--json").stdout)["plan"]
        self.assertEqual({c["schedule"]["images"] for c in plan["candidates"]}, {"strips", "planes", "rows"})
        self.assertIn("with images in", plan["reason"])
        plan = json.loads(self.succeeds(*conv, "--json", "--x-layout", "row").stdout)["plan"]
        self.assertEqual({c["schedule"]["images"] for c in plan["candidates"]}, {"rows"})

    def test_a_million_by_a_million(self):
        weights = self.write("huge.mtx", "%%MatrixMarket matrix coordinate real general\n1000000 1000000 1\n500000 700000 1.5\n")
        kernel, output = self.path("huge.smk"), self.path("y.npy")
        self.succeeds("compile", weights, "-o", kernel, "--n", 1, "--cache", "none")
        x = [0.0] * 1000000
        x[699999] = 2.0
        self.succeeds("run", kernel, "--input", self.npy("x.npy", (1000000, 1), x), "--output", output)
        shape, y = read_npy(output)
        self.assertEqual((shape, y[499999], sum(map(abs, y))), ((1000000, 1), 3.0, 3.0))
        self.assertIn("1000000 x 1000000, 1 nonzeros", self.succeeds("explain", weights, "--n", 1).stdout)

    def test_bench_of_what_is_too_large_to_be_dense(self):
        weights = self.write("large.mtx", "%%MatrixMarket matrix coordinate real general\n20000 20000 2\n1 7 1.5\n9000 3 2\n")
        done = self.succeeds("bench", weights, "--n", 1, "--budget", 1, "--json", self.path("rows.json"))
        self.assertRegex(done.stderr, r"own_dense and all peers are left out: 20000 x 20000")
        with open(self.path("rows.json"), encoding="utf-8") as file:
            rows = json.load(file)
        self.assertEqual([(row["layout"], row["peers"]) for row in rows], [("panel", {}), ("plain", {})])

    def test_one_image(self):
        shape, _ = self.run_small(["--conv", "3,2,2"], (3, 2, 2), [1.0] * 12)
        self.assertEqual(shape, (2, 2, 2))

    def test_seed_decides_the_values_of_a_pattern(self):
        pattern = self.write("p.smtx", "2, 3, 3\n0 2 3\n0 2 2\n")
        results = {}
        for seed in (1, 2):
            self.succeeds("compile", pattern, "-o", self.path(f"{seed}.smk"), "--n", 1, "--seed", seed)
            x = self.npy("x.npy", (3, 1), [1, 1, 1])
            self.succeeds("run", self.path(f"{seed}.smk"), "--input", x, "--output", self.path("y.npy"))
            results[seed] = read_npy(self.path("y.npy"))[1]
        self.assertNotEqual(results[1], results[2])

    def test_nan_weights_are_kept_and_reported(self):
        weights = self.npy("nan.npy", (2, 2), [float("nan"), 0, 0, 1])
        done = self.succeeds("compile", weights, "-o", self.path("k.smk"), "--n", 1)
        self.assertRegex(done.stderr, r"nan\.npy holds 1 value.* NaN or infinite.*kept")
        self.succeeds("run", self.path("k.smk"), "--input", self.npy("x.npy", (2, 1), [1, 5]), "--output", self.path("y.npy"))
        y = read_npy(self.path("y.npy"))[1]
        self.assertTrue(y[0] != y[0] and y[1] == 5, y)


class Usage(Case):
    def test_version_and_help(self):
        self.assertRegex(self.succeeds("--version").stdout, r"^sparsmith \d+\.\d+\.\d+ \(LLVM 22\.")
        self.assertIn("Examples:", self.succeeds("--help").stdout)
        for command in ("compile", "run", "bench", "explain", "disasm", "cache"):
            self.assertIn("Example", self.succeeds(command, "--help").stdout)

    def test_an_unknown_command_is_named(self):
        self.fails(["nonsense", "--n", 4], r"^sparsmith: there is no command 'nonsense'", code=2)
        self.fails(["compile", self.small_weights()], r"^sparsmith: --output is required\n.*sparsmith compile --help", code=2)

    def test_wrong_usage_is_exit_2(self):
        weights = self.small_weights()
        for arguments in ([], ["nonsense"], ["compile"], ["compile", weights], ["compile", weights, "-o"],
                          ["compile", weights, "-o", "k", "--bogus"], ["compile", weights, "-o", "k", "--n", "many"],
                          ["compile", weights, "-o", "k", "--n", "1.5"], ["compile", weights, "-o", "k", "--n", "4x"],
                          ["compile", weights, "-o", "k", "--n", "4", "--conv", "3,2,2"],
                          ["compile", weights, "-o", "k", "--conv", "3,2"], ["compile", weights, "-o", "k", "--conv", "a,b,c"],
                          ["compile", weights, "-o", "k", "--clip", "1"], ["compile", weights, "-o", "k", "--clip", "a,b"],
                          ["compile", weights, "-o", "k", "--relu", "--clip", "0,6"],
                          ["compile", weights, "-o", "k", "--relu", "--activation", "silu"],
                          ["compile", weights, "-o", "k", "--activation", "swish"],
                          ["compile", weights, "-o", "k", "--activation", "hard_sigmoid,1"],
                          ["compile", weights, "-o", "k", "--activation", "silu,1"],
                          ["compile", weights, "-o", "k", "--layout", "diagonal"],
                          ["compile", weights, "-o", "k", "--seed", "one"], ["explain"], ["bench"], ["bench", weights],
                          ["bench", weights, "--n", ""], ["bench", weights, "--n", "1,,2"], ["cache"], ["cache", "burn"],
                          ["run", "k.smk"], ["run", "k.smk", "--input", "x.npy"], ["disasm"]):
            with self.subTest(arguments=arguments):
                self.fails(arguments, code=2)
        self.assertFalse(os.path.exists("k"))


if __name__ == "__main__":
    unittest.main()
