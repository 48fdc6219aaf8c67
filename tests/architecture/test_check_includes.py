#!/usr/bin/env python3
"""The include check finds what it is there to find."""
import pathlib
import tempfile
import unittest

import check_includes


class Rules(unittest.TestCase):
    def complaints(self, file, include):
        with tempfile.TemporaryDirectory() as root:
            path = pathlib.Path(root, file)
            path.parent.mkdir(parents=True)
            path.write_text(f"#include {include}\n")
            return check_includes.check(pathlib.Path(root))[0]

    def test_forbidden(self):
        for file, include in [("src/runtime/a.cpp", "<llvm/MC/MCInst.h>"), ("src/plan/a.cpp", '"llvm-c/Core.h"'),
                              ("kernels/a.cpp", '"codegen/x86_mc.h"'), ("src/artifact/a.h", '"runtime/launch.h"'),
                              ("src/runtime/a.cpp", '"cache/disk_cache.h"'), ("src/pattern/a.cpp", '"plan/tiling.h"'),
                              ("include/sparsmith/a.h", '"artifact/image.h"'), ("src/runtime/a.cpp", "<zlib.h>"),
                              ("examples/a.cpp", '"kernels/spmm.h"'), ("src/cache/a.cpp", "<boost/any.hpp>"),
                              ("src/cli/a.cpp", '"codegen/x86_mc.h"'), ("bench/peers/a.cpp", '"bench/measure.h"'),
                              ("src/runtime/a.cpp", '"launch.h"'), ("src/unknown/a.cpp", "<vector>")]:
            with self.subTest(file=file, include=include):
                self.assertEqual(len(self.complaints(file, include)), 1)

    def test_allowed(self):
        for file, include in [("codegen/a.cpp", "<llvm/MC/MCInst.h>"), ("src/runtime/a.cpp", '"artifact/image.h"'),
                              ("src/cache/a.cpp", '"sparsmith/cache.h"'), ("src/runtime/a.cpp", "<sys/mman.h>"),
                              ("src/compiler/a.cpp", '"codegen/code_generator.h"'), ("examples/a.cpp", "<sparsmith/kernel.h>"),
                              ("bench/peers/a.cpp", '"bench/peers/module.h"'), ("src/pattern/a.cpp", "<vector>")]:
            with self.subTest(file=file, include=include):
                self.assertEqual(self.complaints(file, include), [])


if __name__ == "__main__":
    unittest.main()
