#!/usr/bin/env python3
"""The classifying apps, in C++ and in C."""
import os
import pathlib
import re
import subprocess
import sys
import unittest
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from command import DIGITS, NOISE, ROOT, Case, read_npy  # noqa: E402

APPS = [os.environ["CLASSIFY_CPP"], os.environ["CLASSIFY_C"]]
MODELS = pathlib.Path(os.environ.get("SPARSMITH_DATA", ROOT.parent / "shared")) / "models"


class Apps(Case):
    def compiled(self, model):
        artifact = self.path("model.smk")
        self.succeeds("compile", model, "-o", artifact)
        return artifact

    def run_app(self, app, *arguments):
        done = subprocess.run([app, *map(str, arguments)], capture_output=True, text=True, timeout=300)
        self.assertNotRegex(done.stderr, NOISE)
        return done

    def best(self, *arguments):
        """The classes that both apps print, the best first."""
        printed = []
        for app in APPS:
            done = self.run_app(app, *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            printed.append(done.stdout)
        self.assertEqual(*printed)
        return [int(number) for number in re.findall(r"^\d+\. class (\d+): ", printed[0], re.MULTILINE)]

    def refuse(self, code, phrase, *arguments):
        for app in APPS:
            done = self.run_app(app, *arguments)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertRegex(done.stderr, phrase)
            self.assertEqual(done.stdout, "")


class Digits(Apps):
    """The network that ships, on the images that ship."""

    def test_digits(self):
        model = self.compiled(DIGITS / "digits_cnn.onnx")
        images = sorted(DIGITS.glob("digit_?.pgm"))
        self.assertGreaterEqual(len(images), 2)
        for image in images:
            classes = self.best(model, image, "--top", 3)
            self.assertEqual(len(classes), 3)
            self.assertEqual(classes[0], int(image.stem[-1]), image)
        self.assertEqual(sorted(self.best(model, images[0], "--top", 99)), list(range(10)))


class Photos(Apps):
    """Two photos through a pruned SqueezeNet: an Egyptian cat and an espresso."""

    def photo(self, sample):
        """A sample of the stored inputs, which are BGR minus the mean, as a PPM again."""
        with zipfile.ZipFile(MODELS / "squeezenet_dc_33.io.npz") as archive:
            name = next(n for n in archive.namelist() if len(self.array(archive, n)[0]) == 4)
            (_, channels, height, width), values = self.array(archive, name)
        self.assertEqual(channels, 3)
        size = height * width
        planes = [values[(sample * 3 + c) * size:(sample * 3 + c + 1) * size] for c in range(3)]
        mean = (104, 117, 123)
        pixels = bytes(min(255, max(0, round(planes[2 - i % 3][i // 3] + mean[2 - i % 3]))) for i in range(3 * size))
        return self.write("photo.ppm", b"P6\n# a photo\n%d %d\n255\n" % (width, height) + pixels)

    def array(self, archive, name):
        path = self.write("array.npy", archive.read(name))
        return read_npy(path)

    def test_photos(self):
        if not (MODELS / "squeezenet_dc_33.onnx").exists():
            self.skipTest(f"{MODELS} has no squeezenet_dc_33.onnx; set SPARSMITH_DATA")
        model = self.compiled(MODELS / "squeezenet_dc_33.onnx")
        for sample, expected in enumerate([285, 967]):
            options = ["--mean", "123,117,104", "--scale", 1, "--bgr"]
            self.assertEqual(self.best(model, self.photo(sample), *options)[0], expected)


class Mistakes(Apps):
    def test_mistakes(self):
        model = self.compiled(DIGITS / "digits_cnn.onnx")
        digit = DIGITS / "digit_3.pgm"
        whole = digit.read_bytes()
        self.refuse(2, "usage: classify", model)
        for options in (["--top"], ["--top", "x"], ["--mean", "1,2"], ["--scale", "1x"], ["--what", "1"]):
            self.refuse(2, "usage: classify", model, digit, *options)
        self.refuse(1, "none.smk", self.path("none.smk"), digit)
        self.refuse(1, "is not a compiled model", digit, digit)
        self.refuse(1, "none.pgm", model, self.path("none.pgm"))
        self.refuse(1, "neither a binary PGM nor PPM", model, self.write("text.pgm", "P2\n1 1\n255\n0\n"))
        self.refuse(1, "neither a binary PGM nor PPM", model, self.write("empty.pgm", ""))
        self.refuse(1, "ends within its pixels", model, self.write("short.pgm", whole[:-1]))
        for header in ("P5\n", "P5\n16", "P5\n16 x\n255\n", "P5\n0 16\n255\n", "P5\n99999 99999\n255\n", "P5\n16 16\n65535\n"):
            self.refuse(1, "1 to 16384 and 255", model, self.write("header.pgm", header))
        small = self.write("small.pgm", b"P5\n8 8\n255\n" + bytes(64))
        self.refuse(1, r"takes float32 \[-?1, 1, 16, 16\], the image is \[1, 1, 8, 8\]", model, small)
        colour = self.write("colour.ppm", b"P6\n16 16\n255\n" + bytes(16 * 16 * 3))
        self.refuse(1, r"the image is \[1, 3, 16, 16\]", model, colour)


if __name__ == "__main__":
    unittest.main()
