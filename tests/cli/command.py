"""Runs the command and writes and reads the files it takes, with Python's standard library alone."""
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile
import unittest
import zipfile

COMMAND = os.environ.get("SPARSMITH_COMMAND", "sparsmith")
ROOT = pathlib.Path(__file__).resolve().parents[2]
DIGITS = ROOT / "examples" / "digits"

# What a crash or an escaped exception looks like; none of it belongs on a user's screen.
NOISE = re.compile(r"terminate called|what\(\):|Assertion|Segmentation|core dumped|\bstd::|runtime error|"
                   r"Sanitizer|internal error|#0 0x")


def npy_bytes(shape, values, descr="<f4", fortran=False, version=1, letter="f"):
    header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': ({', '.join(map(str, shape))}" \
             f"{',' if len(shape) == 1 else ''}), }}"
    size = 2 if version == 1 else 4
    total = 8 + size + len(header) + 1
    header += " " * (-total % 64) + "\n"
    start = b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(header))
    return start + header.encode() + struct.pack(f"<{len(values)}{letter}", *values)


def read_npy(path):
    """(shape, values) of an fp32 C-order file."""
    data = pathlib.Path(path).read_bytes()
    assert data[:6] == b"\x93NUMPY", data[:6]
    length = struct.unpack("<H", data[8:10])[0]
    header = data[10:10 + length].decode()
    assert "'<f4'" in header and "False" in header, header
    shape = tuple(int(n) for n in re.search(r"\(([^)]*)\)", header).group(1).split(",") if n.strip())
    return shape, struct.unpack(f"<{(len(data) - 10 - length) // 4}f", data[10 + length:])


def read_csr(path):
    """(rows, columns, [(column, value), ...] of each row) of a scipy.sparse .npz."""
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            length = struct.unpack("<H", data[8:10])[0]
            kind = re.search(r"'descr': '[<|]?(\w+)'", data[10:10 + length].decode()).group(1)
            letter = {"f4": "f", "i4": "i", "i8": "q"}.get(kind)
            body = data[10 + length:]
            if letter:
                arrays[name[:-4]] = struct.unpack(f"<{len(body) // struct.calcsize(letter)}{letter}", body)
    rows, columns = arrays["shape"]
    pairs = list(zip(arrays["indices"], arrays["data"]))
    return rows, columns, [pairs[a:b] for a, b in zip(arrays["indptr"], arrays["indptr"][1:])]


def read_npz(path):
    """{name: (dtype, shape, values)} of C-order arrays."""
    letters = {"f4": "f", "f8": "d", "i4": "i", "i8": "q", "u1": "B", "b1": "?"}
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            data = archive.read(name)
            length = struct.unpack("<H", data[8:10])[0]
            header, body = data[10:10 + length].decode(), data[10 + length:]
            kind = re.search(r"'descr': '[<|]?(\w+)'", header).group(1)
            shape = tuple(int(n) for n in re.search(r"\(([^)]*)\)", header).group(1).split(",") if n.strip())
            assert "'fortran_order': False" in header, header
            letter = letters[kind]
            arrays[name[:-4]] = (kind, shape, struct.unpack(f"<{len(body) // struct.calcsize(letter)}{letter}", body))
    return arrays


class Case(unittest.TestCase):
    """A test with a folder of its own that is gone afterwards, and a cache of its own in it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sparsmith-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.environment = dict(os.environ, SPARSMITH_CACHE=str(self.folder / "cache"))

    def path(self, name):
        return str(self.folder / name)

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def npy(self, name, shape, values, **options):
        return self.write(name, npy_bytes(shape, values, **options))

    def npz(self, name, members):
        """An archive of {name: bytes of an .npy}."""
        path = self.path(name)
        with zipfile.ZipFile(path, "w") as archive:
            for key, content in members.items():
                archive.writestr(key + ".npy", content)
        return path

    def run_command(self, *arguments, **options):
        return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=300,
                              env=self.environment, errors="replace", **options)

    def succeeds(self, *arguments, **options):
        done = self.run_command(*arguments, **options)
        self.assertEqual(done.returncode, 0, f"{arguments}\n{done.stdout}\n{done.stderr}")
        self.assertNotRegex(done.stderr, NOISE)
        return done

    def fails(self, arguments, *phrases, code=1, **options):
        """Exit `code` with one sentence of its own on stderr that holds all phrases (regular expressions)."""
        done = self.run_command(*arguments, **options)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}\n{done.stderr}")
        self.assertTrue(done.stderr.strip(), "nothing on stderr")
        self.assertNotRegex(done.stderr, NOISE)
        if code == 1:
            self.assertRegex(done.stderr, r"(?m)^sparsmith: \S")
            self.assertLessEqual(len(done.stderr.splitlines()), 4, done.stderr)
        for phrase in phrases:
            self.assertRegex(done.stderr, phrase)
        return done

    def small_weights(self):
        """A 2 x 3 matrix [[1, 0, 2], [0, 0, 3]]."""
        return self.npy("w.npy", (2, 3), [1, 0, 2, 0, 0, 3])

    def json_of(self, *arguments):
        return json.loads(self.succeeds(*arguments).stdout)
