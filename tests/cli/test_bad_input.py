#!/usr/bin/env python3
"""Bad input: each a clear sentence on stderr and exit 1."""
import json
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import sys
import unittest
import zipfile

from command import COMMAND, DIGITS, Case, npy_bytes


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


class Weights(Case):
    def refused(self, name, content, *phrases):
        path = self.write(name, content)
        for command in (["compile", path, "-o", self.path("k.smk"), "--n", 4], ["explain", path, "--n", 4],
                        ["bench", path, "--n", 4, "--peers", "none", "--budget", 1]):
            with self.subTest(name=name, command=command[0]):
                self.fails(command, name.replace(".", r"\."), *phrases)
        self.assertFalse(os.path.exists(self.path("k.smk")))

    def test_missing_and_unknown_files(self):
        self.fails(["explain", self.path("none.npy"), "--n", 4], r"none\.npy")
        self.fails(["explain", str(self.folder), "--n", 4], self.folder.name)
        self.refused("w.txt", "1 2 3", r"\.npy")
        self.refused("empty.npy", b"")

    def test_npy_headers(self):
        good = npy_bytes((2, 3), [1, 0, 2, 0, 0, 3])
        self.refused("truncated_header.npy", good[:20])
        self.refused("truncated_data.npy", good[:-4])
        self.refused("oversized.npy", good + b"extra")
        self.refused("negative.npy", npy_bytes((-2, 3), [1] * 6))
        self.refused("magic.npy", b"X" + good[1:])
        self.refused("version.npy", good[:6] + b"\x09" + good[7:])
        self.refused("header_length.npy", good[:8] + b"\xff\xff" + good[10:])
        self.refused("type.npy", npy_bytes((2, 3), [1] * 6, descr="<c8"))
        self.refused("zero.npy", npy_bytes((0, 3), []))
        self.refused("nonsense.npy", good.replace(b"descr", b"dascr"))

    def test_a_header_of_10_to_the_12_elements_on_100_bytes(self):
        data = npy_bytes((1000000, 1000000), [])
        self.refused("huge.npy", data + b"\0" * (100 - len(data)))
        self.refused("overflow.npy", npy_bytes((2**62, 2**62), []))
        self.refused("huge.smtx", "1000000, 1000000, 1000000000000\n0 1\n0\n")
        self.refused("huge.mtx", "%%MatrixMarket matrix coordinate real general\n1000000 1000000 1000000000000\n1 1 1\n")
        self.refused("huge.safetensors", safetensors(
            {"w": {"dtype": "F32", "shape": [1000000, 1000000], "data_offsets": [0, 4 * 10**12]}}, b"\0" * 100))

    def test_smtx_columns(self):
        self.refused("range.smtx", "2, 3, 3\n0 2 3\n0 3 2\n", "3")
        self.refused("negative.smtx", "2, 3, 3\n0 2 3\n0 -1 2\n")
        self.refused("unsorted.smtx", "2, 3, 3\n0 2 3\n2 0 1\n")
        self.refused("duplicate.smtx", "2, 3, 3\n0 2 3\n1 1 2\n")
        self.refused("offsets.smtx", "2, 3, 3\n0 3 2\n0 1 2\n")
        self.refused("count.smtx", "2, 3, 3\n0 2 3\n0 1\n")
        self.refused("more.smtx", "2, 3, 3\n0 2 3\n0 1 2 0\n")

    def test_text_that_is_no_number(self):
        self.refused("words.smtx", "2, 3, three\n0 2 3\n0 1 2\n")
        self.refused("words2.smtx", "2, 3, 3\n0 2 3\n0 x 2\n")
        self.refused("words.mtx", "%%MatrixMarket matrix coordinate real general\n2 3 1\n1 one 1.0\n")
        self.refused("banner.mtx", "2 3 1\n1 1 1.0\n")

    def test_mtx_entries(self):
        head = "%%MatrixMarket matrix coordinate real general\n"
        self.refused("range.mtx", head + "2 3 1\n3 1 1.0\n", "3")
        self.refused("zero.mtx", head + "2 3 1\n0 1 1.0\n")
        self.refused("duplicate.mtx", head + "2 3 2\n1 1 1.0\n1 1 2.0\n")
        self.refused("short.mtx", head + "2 3 2\n1 1 1.0\n")
        self.refused("complex.mtx", head.replace("real", "complex") + "2 3 1\n1 1 1.0 0.0\n")

    def test_safetensors_that_lie(self):
        tensor = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
        self.refused("length.safetensors", safetensors({"w": tensor}, b"\0" * 24, length=2**60))
        self.refused("short.safetensors", safetensors({"w": tensor}, b"\0" * 20))
        self.refused("offsets.safetensors", safetensors({"w": dict(tensor, data_offsets=[24, 0])}, b"\0" * 24))
        self.refused("beyond.safetensors", safetensors({"w": dict(tensor, data_offsets=[2**62, 2**62 + 24])}, b"\0" * 24))
        self.refused("shape.safetensors", safetensors({"w": dict(tensor, shape=[2, 4])}, b"\0" * 24))
        self.refused("negative.safetensors", safetensors({"w": dict(tensor, shape=[-2, -3])}, b"\0" * 24))
        self.refused("json.safetensors", safetensors(b"{\"w\": ", b"\0" * 24))
        self.refused("deep.safetensors", safetensors(b"[" * 100000, b""))

    def test_two_tensors_need_a_name(self):
        tensor = {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}
        path = self.write("two.safetensors", safetensors({"a": tensor, "b": dict(tensor, data_offsets=[8, 16])},
                                                         struct.pack("<4f", 1, 2, 3, 4)))
        self.fails(["explain", path, "--n", 1], "a", "b")
        self.fails(["explain", path + ":c", "--n", 1], "c")
        self.succeeds("explain", path + ":b", "--n", 1)

    def test_zips_that_lie(self):
        path = self.path("good.npz")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("w.npy", npy_bytes((40, 40), [1.0] * 1600))
        self.succeeds("explain", path, "--n", 1)
        good = pathlib.Path(path).read_bytes()
        central = good.index(b"PK\x01\x02")
        for name, at in (("compressed", 20), ("uncompressed", 24), ("offset", 42)):
            self.refused(f"{name}.npz", good[:central + at] + struct.pack("<I", 0x7ffffff0) + good[central + at + 4:])
        self.refused("truncated.npz", good[:-10])
        self.refused("body.npz", good[:60] + b"\xff" * 20 + good[80:])
        self.refused("no_zip.npz", b"PK\x05\x06" + b"\xff" * 18)
        self.refused("text.npz", "this is no archive")

    def test_scipy_arrays_that_disagree(self):
        good = {"indices": npy_bytes((2,), [0, 1], "<i4", letter="i"), "indptr": npy_bytes((3,), [0, 1, 2], "<i4", letter="i"),
                "shape": npy_bytes((2,), [2, 3], "<i8", letter="q"), "data": npy_bytes((2,), [1.0, 2.0]),
                "format": npy_bytes((), [], "|S3") + b"csr"}
        for name, changed in (("good", {}), ("column", {"indices": npy_bytes((2,), [0, 7], "<i4", letter="i")}),
                              ("offsets", {"indptr": npy_bytes((3,), [0, 9, 2], "<i4", letter="i")}),
                              ("few", {"data": npy_bytes((1,), [1.0])}),
                              ("shape", {"shape": npy_bytes((2,), [-2, 3], "<i8", letter="q")})):
            path = self.path(name + ".npz")
            with zipfile.ZipFile(path, "w") as archive:
                for array, data in {**good, **changed}.items():
                    archive.writestr(array + ".npy", data)
            with self.subTest(name=name):
                if name == "good":
                    self.succeeds("explain", path, "--n", 1)
                else:
                    self.fails(["explain", path, "--n", 1], name + r"\.npz")


class Problems(Case):
    def test_n(self):
        weights = self.small_weights()
        for n in ("0", "-1", "-5", "99999999999999999999", str(2**40)):
            for command in (["compile", weights, "-o", self.path("k.smk"), "--n", n], ["explain", weights, "--n", n],
                            ["bench", weights, "--n", n, "--peers", "none"]):
                with self.subTest(n=n, command=command[0]):
                    self.fails(command, r"--n", n)
        self.fails(["bench", weights, "--n", "4,0", "--peers", "none"], r"--n 0")

    def test_convolution(self):
        weights = self.small_weights()
        compile_with = lambda conv: ["compile", weights, "-o", self.path("k.smk"), "--conv", conv]
        self.fails(compile_with("4,2,2"), "4 input channels", "3 columns")
        self.fails(compile_with("3,0,2"), "0")
        self.fails(compile_with("3,2,-2"), "-2")
        self.fails(compile_with("3,2,2,0"), "0")
        self.fails(compile_with("3,200000000,200000000"), "positions")
        self.fails([*compile_with("3,4,4"), "--layout", "plane"], "isn't a spatial convolution", "plain or the panel")
        self.fails([*compile_with("3,4,4"), "--pad", 1, "--x-layout", "plane", "--y-layout", "panel"],
                   "X in planes to Y in strips", "the same layout for both")
        self.fails(["bench", weights, "--conv", "3,4,4", "--layouts", "panel,diagonal"], "diagonal", code=2)

    def test_epilogue(self):
        weights = self.small_weights()
        self.fails(["compile", weights, "-o", self.path("k.smk"), "--n", 1, "--clip", "6,0"], "lower bound")
        for shape in ((3,), (2, 2), ()):
            bias = self.npy("b.npy", shape, [1.0] * (shape[0] * (shape[1:] or (1,))[0] if shape else 1))
            with self.subTest(shape=shape):
                self.fails(["compile", weights, "-o", self.path("k.smk"), "--n", 1, "--bias", bias], r"b\.npy", r"\[2\]")

    def test_target(self):
        weights = self.small_weights()
        for target in ("z80", "x86-64-v4,+nonsense", "host,avx2", ""):
            with self.subTest(target=target):
                self.fails(["compile", weights, "-o", self.path("k.smk"), "--n", 1, "--target", target])

    def test_threads(self):
        kernel = self.path("k.smk")
        self.succeeds("compile", self.small_weights(), "-o", kernel, "--n", 1)
        x = self.npy("x.npy", (3, 1), [1, 2, 3])
        for threads in ("0", "-1", "1000000"):
            self.fails(["run", kernel, "--input", x, "--output", self.path("y.npy"), "--threads", threads], "--threads")
        self.fails(["bench", self.small_weights(), "--n", 1, "--threads", "0"], "--threads")

    def test_wrong_shapes_of_x(self):
        kernel = self.path("k.smk")
        self.succeeds("compile", self.small_weights(), "-o", kernel, "--n", 4)
        for shape in ((4, 3), (2,), (3, 4, 1), (3, 0)):
            count = 1
            for size in shape:
                count *= size
            x = self.npy("x.npy", shape, [1.0] * count)
            with self.subTest(shape=shape):
                self.fails(["run", kernel, "--input", x, "--output", self.path("y.npy")], r"x\.npy", str(shape[0]))
        self.assertFalse(os.path.exists(self.path("y.npy")))
        self.succeeds("compile", self.small_weights(), "-o", kernel, "--conv", "3,2,2")
        for shape in ((3, 4), (1, 3, 2, 3), (1, 4, 2, 2), (0, 3, 2, 2)):
            count = 1
            for size in shape:
                count *= size
            x = self.npy("x.npy", shape, [1.0] * count)
            with self.subTest(shape=shape):
                self.fails(["run", kernel, "--input", x, "--output", self.path("y.npy")], r"\[batch, 3, 2, 2\]")

    def test_peers_and_cases(self):
        weights = self.small_weights()
        self.fails(["bench", weights, "--n", 1, "--peers", "nobody"], "nobody")
        self.fails(["bench", weights, "--n", 1, "--peers", "none", "--json", "/nonexistent/rows.json"], "rows.json")
        self.fails(["bench", "--cases", self.write("c.txt", "only.npy\n")], r"c\.txt line 1")
        self.fails(["bench", "--cases", self.write("d.txt", "a.npy 3\nb.npy 4 5\n")], r"d\.txt line 2")
        self.fails(["bench", "--cases", self.write("e.txt", "a.npy x\n")], r"e\.txt line 1")
        self.fails(["bench", "--cases", self.write("f.txt", "# nothing\n")], r"f\.txt")
        self.fails(["bench", "--cases", self.path("none.txt")], r"none\.txt")
        self.fails(["bench", "--cases", self.write("g.txt", "a.npy --kernel 3x3\n")], r"g\.txt line 1", "--conv")
        self.fails(["bench", "--cases", self.write("h.txt", "a.npy --conv 1,2,3 --none 1\n")], r"h\.txt line 1")
        self.fails(["bench", weights, "--n", 1, "--target", "x86-64-v9", "--peers", "none"], "x86-64-v9")

    def test_benched_convolutions(self):
        weights = self.small_weights()
        conv = ["bench", weights, "--peers", "none", "--conv"]
        self.fails([*conv, "5,4,4"], "5 input channels", "3 columns")
        self.fails([*conv, "3,4,4", "--batch", 0], "--batch 0")
        self.fails([*conv, "3,10000,20000", "--batch", 3], "--batch 3")
        self.fails([*conv, "3,4,4", "--n", 3], "--n", code=2)
        # Two layers in one call: the second one missing, of other channels; the first one none that can be joined.
        spatial = self.npy("spatial.npy", (4, 1, 3, 3), [1.0] * 36)
        joined = ["bench", spatial, "--conv", "4,5,5", "--kernel", "3x3", "--groups", 4, "--peers", "none"]
        self.fails([*joined, "--then", "nowhere.npy"], "nowhere.npy")
        self.fails([*joined, "--then", weights], "3 input channels", "writes 4")
        self.fails([*joined, "--then", spatial], "9 input channels", "writes 4")
        self.fails([*conv, "3,4,4", "--then", weights], "spatial convolution")
        self.fails([*joined, "--then", weights, "--fixed-n"], "--fixed-n", code=2)
        self.fails(["bench", weights, "--n", 3, "--then", weights], "--conv", code=2)
        self.fails(["bench", weights, "--n", 3, "--batch", 2], "--conv", code=2)


class Artifacts(Case):
    def setUp(self):
        super().setUp()
        self.kernel = self.path("k.smk")
        self.succeeds("compile", DIGITS / "hidden.npz", "-o", self.kernel, "--n", 16, "--cache", "none")
        self.good = pathlib.Path(self.kernel).read_bytes()

    def refused(self, name, content, *phrases):
        path = self.write(name, content)
        for command in (["run", path, "--input", DIGITS / "activations.npy", "--output", self.path("y.npy")],
                        ["disasm", path]):
            with self.subTest(name=name, command=command[0]):
                self.fails(command, name.replace(".", r"\."), *phrases)
        self.assertFalse(os.path.exists(self.path("y.npy")))

    def test_a_flipped_byte_anywhere(self):
        size = len(self.good)
        for at in sorted({0, 9, 13, 17, 30, 45, 60, 100, 200, size // 3, size // 2, size - 1}):
            data = bytearray(self.good)
            data[at] ^= 0x10
            self.refused(f"flipped_{at}.smk", bytes(data))

    def test_other_lengths(self):
        for size in (0, 4, 40, 100, len(self.good) // 2, len(self.good) - 1):
            self.refused(f"cut_{size}.smk", self.good[:size])
        self.refused("longer.smk", self.good + b"\0")

    def test_a_newer_format(self):
        newer = struct.unpack_from("<I", self.good, 8)[0] + 1
        self.refused("newer.smk", self.good[:8] + struct.pack("<I", newer) + self.good[12:], "newer", str(newer))

    def test_not_an_artifact(self):
        self.refused("weights.smk", (DIGITS / "hidden.npz").read_bytes())
        self.fails(["disasm", self.path("none.smk")], r"none\.smk")

    def test_another_cpu(self):
        # Each of these is missing on most CPUs; the first that is missing on this one will do.
        flags = pathlib.Path("/proc/cpuinfo").read_text().split()
        absent = [name for name, flag in (("avxvnniint16", "avx_vnni_int16"), ("avx512vp2intersect", "avx512_vp2intersect"),
                                          ("avxneconvert", "avx_ne_convert"), ("avxifma", "avx_ifma"),
                                          ("avx512fp16", "avx512_fp16")) if flag not in flags]
        if not absent:
            print("skipped: this CPU has every feature that the test knows", file=sys.stderr)
            self.skipTest("no feature is missing here")
        path = self.path("other.smk")
        self.succeeds("compile", DIGITS / "hidden.npz", "-o", path, "--n", 16, "--target", f"x86-64-v3,+{absent[0]}")
        self.fails(["run", path, "--input", DIGITS / "activations.npy", "--output", self.path("y.npy")], absent[0])
        self.assertIn("vfmadd231ps", self.succeeds("disasm", path).stdout)


class Files(Case):
    def compile_arguments(self, output, *more):
        return ["compile", DIGITS / "hidden.npz", "-o", output, "--n", 16, *more]

    def test_a_cache_directory_that_is_a_file_costs_one_warning(self):
        file = self.write("occupied", "not a directory")
        done = self.succeeds(*self.compile_arguments(self.path("k.smk"), "--cache", file))
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        self.assertIn("occupied", done.stderr)
        self.assertEqual(pathlib.Path(file).read_text(), "not a directory")
        self.fails(["cache", "list", "--cache", file], "occupied")

    def test_a_missing_cache_directory_is_made(self):
        self.succeeds(*self.compile_arguments(self.path("k.smk"), "--cache", self.path("a/b/c")))
        self.assertTrue(os.listdir(self.path("a/b/c")))

    def test_a_read_only_cache_directory(self):
        # /proc is a directory where nobody may create files, root included.
        done = self.succeeds(*self.compile_arguments(self.path("k.smk"), "--cache", "/proc/sys"))
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)

    def test_an_output_that_cannot_be_written(self):
        self.fails(self.compile_arguments(self.path("no/such/folder/k.smk")), r"k\.smk")
        self.fails(self.compile_arguments(str(self.folder)), self.folder.name)
        self.fails(["explain", DIGITS / "hidden.npz", "--n", 4, "--html", "/nonexistent/page.html"], r"page\.html")

    def test_a_full_disk(self):
        # A file size limit fails a write in the middle, as a full disk does, and needs no disk of our own.
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

        output = self.path("k.smk")
        done = self.fails(self.compile_arguments(output, "--cache", "none"), r"k\.smk", preexec_fn=limit)
        self.assertRegex(done.stderr, "(?i)too large|no space|written")
        self.assertEqual([name for name in os.listdir(self.folder) if name != "cache"], [])

    def test_a_full_disk_behind_the_output(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([COMMAND, "explain", str(DIGITS / "hidden.npz"), "--n", "4"], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=60, env=self.environment)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "standard output.*No space left")

    def test_a_full_disk_under_the_cache(self):
        folder = self.path("small")
        os.mkdir(folder)
        script = 'mount -t tmpfs -o size=16k tmpfs "$1" && shift && exec "$@"'
        shell = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", folder]
        if not shutil.which("unshare") or subprocess.run(shell + ["true"], capture_output=True).returncode != 0:
            print("skipped: this machine lets nobody mount a small disk (user namespaces)", file=sys.stderr)
            self.skipTest("no user namespaces")
        arguments = self.compile_arguments(self.path("k.smk"), "--cache", folder)
        done = subprocess.run(shell + [COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                              env=self.environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        self.assertTrue(os.path.exists(self.path("k.smk")))


if __name__ == "__main__":
    unittest.main()
