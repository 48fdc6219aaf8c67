#!/usr/bin/env python3
"""Writes the first test image of some digits in examples/digits/test_images.npz as 8-bit PGM, what examples/classify reads:

    .venv/bin/python scripts/digit_images.py 3 7        # writes examples/digits/digit_3.pgm and digit_7.pgm

Needs numpy."""
import argparse
import pathlib

import numpy as np


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("digits", nargs="+", type=int, choices=range(10), metavar="DIGIT")
    parser.add_argument("--folder", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[1] / "examples" / "digits")
    options = parser.parse_args()
    images = np.load(options.folder / "test_images.npz")["image"]
    labels = np.load(options.folder / "test_labels.npy")
    for digit in options.digits:
        pixels = np.rint(images[labels == digit][0, 0] * 255).astype(np.uint8)
        height, width = pixels.shape
        (options.folder / f"digit_{digit}.pgm").write_bytes(b"P5\n%d %d\n255\n" % (width, height) + pixels.tobytes())


if __name__ == "__main__":
    main()
