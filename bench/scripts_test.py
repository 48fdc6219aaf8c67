#!/usr/bin/env python3
"""Tests of the scripts that turn rows into bars, and of the case lists."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
import case_lists  # noqa: E402
import rows  # noqa: E402


def row(layout="panel", ns=100.0, share=0.9, percent=90, peers=None, file="dlmc/bottleneck_1_block_group3_2_1.smtx"):
    return {"file": file, "m": 100, "k": 100, "nnz": 100 * (100 - percent), "n": 196, "layout": layout, "ns_min": ns,
            "fraction_of_peak": share, "roofline_fraction": 0.95, "fma_peak_gflops": 117.0,
            "peers": {name: {"ns_min": time, "ns_median": time} for name, time in (peers or {}).items()}}


class Rows(unittest.TestCase):
    def test_mean_is_geometric(self):
        self.assertAlmostEqual(rows.geomean([1, 100]), 10)
        self.assertIsNone(rows.geomean([]))

    def test_best_dense_ignores_sparse_peers(self):
        measured = row(peers={"own_dense": 900, "openblas": 800, "libxsmm": 10})
        self.assertEqual(rows.best_dense_ns(measured), 800)
        self.assertAlmostEqual(rows.speedup(measured), 8)
        self.assertIsNone(rows.speedup(row(peers={"libxsmm": 10})))

    def test_layers_have_short_names(self):
        self.assertEqual(rows.layer(row()), "g3.2 reduce")
        file = "x/bottleneck_projection_block_group_projection_block_group2.smtx"
        self.assertEqual(rows.layer(row(file=file)), "g2.0 project")
        self.assertEqual(rows.layer(row(file="m/contraction_1x1_7.npy")), "contraction_1x1_7")

    def test_dense_peers_are_those_of_the_modules(self):
        found = {"own_dense", "openvino"}
        for path in (HERE / "peers").glob("*.cpp"):
            if "SPARSMITH_PEER_DENSE" in path.read_text():
                found.add(path.stem)
        self.assertEqual(found, set(rows.DENSE))


    def test_engines_times_join_the_rows_they_belong_to(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "list.tuned.json").write_text(json.dumps([row(peers={"own_dense": 900}), row(file="other.smtx")]))
            engine = row(peers={"deepsparse": 50}, file="/elsewhere/dlmc/bottleneck_1_block_group3_2_1.smtx")
            (folder / "list.python.json").write_text(json.dumps([engine, dict(engine, n=8, peers={"openvino": 1})]))
            merged = rows.read_rows(folder / "list.tuned.json")
        self.assertEqual([list(measured["peers"]) for measured in merged], [["own_dense", "deepsparse"], []])


class Lists(unittest.TestCase):
    def read(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "list.txt"
            path.write_text(text)
            return case_lists.read_list(path)

    def test_products_and_convolutions(self):
        product, other, conv = self.read("# layers\na.npy 1,49\n\n"
                                         "b.npy --conv 8,9,10 --kernel 3x5 --stride 2 --pad 0,1,1,2 # strided\n")
        self.assertEqual((product.n, other.n, product.conv), (1, 49, None))
        self.assertEqual(conv.conv, case_lists.Conv(8, 9, 10, (3, 5), (2, 2), (0, 1, 1, 2)))
        self.assertEqual((conv.conv.out(), conv.n), ((4, 5), 20))
        self.assertEqual(self.read("b.npy --conv 8,9,9,2 --kernel 3 --pad 1")[0].conv,
                         case_lists.Conv(8, 9, 9, (3, 3), (2, 2), (1, 1, 1, 1)))

    def test_other_lines_are_named(self):
        for line in ("a.npy", "a.npy x", "a.npy --kernel 3x3", "a.npy --conv 1,2", "a.npy --conv 1,2,3 --pad 1,1",
                     "a.npy --conv 1,2,3 --nonsense 1"):
            with self.assertRaisesRegex(case_lists.ListError, "line 2", msg=line):
                self.read("a.npy 1\n" + line)


class Engines(unittest.TestCase):
    """With a program in the place of an environment's Python."""

    def run_with(self, program):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            if program:
                python = folder / ".venv-openvino" / "bin" / "python"
                python.parent.mkdir(parents=True)
                python.write_text("#!/bin/sh\n" + program)
                python.chmod(0o755)
            (folder / "a.npy").write_text("")
            (folder / "list.txt").write_text("a.npy 4\na.npy 9\n")
            done = subprocess.run([sys.executable, HERE / "peers_python.py", folder / "list.txt", "-o",
                                   folder / "rows.json", "--peers", "openvino,mkl", "--venvs", folder],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads((folder / "rows.json").read_text()), done.stderr

    def test_absent_ones_are_named(self):
        found, said = self.run_with("")
        self.assertEqual(found, [])
        self.assertIn("peer openvino: absent", said)
        self.assertNotIn("deepsparse", said)

    def test_broken_ones_are_named_with_their_error(self):
        found, said = self.run_with("echo 'ModuleNotFoundError: No module named openvino' >&2; exit 1")
        self.assertEqual(found, [])
        self.assertRegex(said, "openvino: absent.*status 1.*No module named openvino")

    def test_a_layer_that_kills_one_is_left_out_alone(self):
        # Dies of the whole list and of layer 1.
        found, said = self.run_with("case \"$*\" in *'--only 0') echo '[{\"version\": \"V\"}]' > \"$4\" ;; "
                                    "*) kill -SEGV $$ ;; esac")
        self.assertEqual(found, [{"version": "V"}])
        self.assertRegex(said, r"leaves out \S*a\.npy n=9: it ended with status -11")
        self.assertIn("peer openvino: V", said)


class Summary(unittest.TestCase):
    def summary(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                (pathlib.Path(folder) / name).write_text(content if isinstance(content, str) else json.dumps(content))
            done = subprocess.run([sys.executable, HERE / "summarize.py", folder], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
                for line in done.stdout.splitlines() if line.startswith("|")}

    def test_bars_are_met_or_not(self):
        dense = {"own_dense": 1000, "openblas": 850}
        bars = self.summary({
            "rn50_1x1_90.tuned.json": [row(share=0.88, peers=dense), row(share=0.90, peers=dense),
                                       row("plain", share=0.7, peers=dense)],
            "rn50_1x1_90.untuned.json": [row(share=0.80)],
            "mobilenet_90.tuned.json": [row(ns=100, peers=dense), row(ns=300, peers={"own_dense": 3000})],
            "compile.json": {"benchmarks": [
                {"name": "compile_cold/x", "first_ms": 30, "least_ms": 20, "emit_nnz_per_s": 9e6, "peak_mb": 50},
                {"name": "compile_disk/x", "first_ms": 9, "least_ms": 2}]},
        })
        self.assertEqual(bars["share of FMA peak, ResNet-50 1x1, 90 %, tuned"], ["0.88", "0.890", "0.95", "0.56", "yes"])
        self.assertEqual(bars["share of FMA peak, ResNet-50 1x1, 90 %, untuned"][-1], "**no**")
        self.assertEqual(bars["share of FMA peak, ResNet-50 1x1, 80 %, tuned"][1], "not measured")
        self.assertEqual(bars["over the best dense, ResNet-50 1x1, 90 %, tuned"][1], "8.50x")
        self.assertEqual(bars["MobileNetV1 layers 0-11, sum over the best dense, tuned"][1], "9.62x")
        self.assertEqual(bars["compile to callable, 236 thousand nonzeros, cold, the process's first"][-1], "yes")
        self.assertEqual(bars["the same from the disk cache, the process's first such"][-1], "**no**")

    def test_bars_by_regime(self):
        def conv(size, stride=1, groups=1, **rest):
            return dict(row(**rest), conv={"out": [size, size], "stride": [stride, stride], "groups": groups})

        def vector(m, k, ns, **rest):
            return dict(row("plain", ns=ns, **rest), m=m, k=k, n=1)

        peers = {"onednn_conv": 900, "onednn_winograd": 800, "im2col_libxsmm": 300}
        bars = self.summary({
            "conv3x3_90.tuned.json": [conv(56, share=0.9, peers=peers), conv(7, share=0.4, peers=peers),
                                      conv(56, share=0.1, layout="plain")],
            "conv3x3_s2_90.tuned.json": [conv(14, 2, share=0.7)],
            "depthwise.tuned.json": [conv(14, groups=8), conv(14, 2, groups=8), conv(112, 2)],
            "mobilenet_pairs_90.tuned.json": [row(ns=100, peers={"two_calls": 120, "always_fused": 100}),
                                              row(ns=200, peers={"two_calls": 200, "always_fused": 250})],
            "n8_90.tuned.json": [row(peers={"own_dense": 700, "libxsmm": 250, "mkl_csr": 300})],
            "n1_90.tuned.json": [vector(256, 1024, 100, peers={"openblas": 500, "mkl_csr": 240}),
                                 vector(512, 512, 1, peers={"openblas": 1, "mkl_csr": 1}),
                                 dict(vector(256, 1024, 1, peers={"mkl_csr": 1}), layout="panel")],
            "plan_quality.txt": "a n 1\nchosen over best, geometric mean of 2 cases: model 0.950, tuned 0.970\n",
            "cold_90.cold.json": [row(peers={"onednn": 150})],
            "threads.one.json": [row(ns=100), row("plain", ns=100)],
            "threads.two.json": [row(ns=50), row("plain", ns=100)],
        })
        self.assertEqual(bars["share of FMA peak, 3x3 at 56x56, 90 %, tuned"][1::3], ["0.900", "yes"])
        self.assertEqual(bars["share of FMA peak, 3x3 at 7x7, 90 %, tuned"][-1], "**no**")
        self.assertEqual(bars["share of FMA peak, 3x3 at 28x28, 90 %, tuned"][1], "not measured")
        self.assertEqual(bars["over the best dense convolution, 3x3, 90 %, tuned"][1], "8.00x")
        self.assertEqual(bars["over DeepSparse's layer, 3x3, 90 %, tuned"][1], "not measured")
        self.assertEqual(bars["share of FMA peak, 3x3 stride 2 to 14x14, 90 %, tuned"][1], "0.700")
        self.assertEqual(bars["depthwise 3x3 stride 1, MobileNetV1, share of the roofline"][1], "0.95")
        pair = "depthwise and 1x1 in one call over two, MobileNetV1's pairs, 90 %, tuned"
        self.assertEqual(bars[pair], ["", "1.10x", "", "", ""])
        self.assertEqual(bars["the same of their sum"][1], "1.07x")
        self.assertEqual(bars["the same, block by block whatever the sizes"][1], "0.98x")
        self.assertEqual(bars["N = 8, 90 %, over the best sparse peer, tuned"][1], "2.50x")
        self.assertEqual(bars["N = 1, 90 %, the same over MKL sparse"][1], "2.40x")
        choice = "best of all candidates over the planner's choice, ResNet-50 1x1, 90 %, "
        self.assertEqual(bars[choice + "untuned"], ["0.93", "0.950", "", "", "yes"])
        self.assertEqual(bars[choice + "tuned"][-1], "**no**")
        self.assertEqual(bars["cold caches, 100x100 at N = 196, 90 %, over the best dense"], ["", "1.50x", "", "", ""])
        self.assertEqual(bars["two threads over one, N >= 196, 90 %, tuned"][1], "2.00x")

    def test_an_empty_folder_has_no_bar_met(self):
        bars = self.summary({})
        self.assertTrue(all(cells[1] == "not measured" for name, cells in bars.items() if name not in ("bar", ":--")))


class Cases(unittest.TestCase):
    def test_lists_are_what_the_rule_writes(self):
        lists = sorted((HERE / "cases").glob("*.txt"))
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "generate.py"
            copy.write_text((HERE / "cases" / "generate.py").read_text())
            subprocess.run([sys.executable, copy], check=True)
            written = sorted(pathlib.Path(folder).glob("*.txt"))
            self.assertEqual([path.name for path in written], [path.name for path in lists])
            for path in written:
                self.assertEqual(path.read_text(), (HERE / "cases" / path.name).read_text(), path.name)


if __name__ == "__main__":
    unittest.main()
