/// \file
/// The definition of every layer in slow double-precision loops: what tests and benchmarks compare kernels with. Shares
/// no code with what it checks; addresses and epilogue are written again from problem.h and panel.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sparsmith/kernel.h"
#include "sparsmith/problem.h"
#include "sparsmith/weights.h"

namespace sparsmith {

/// The expected Y as a row-major [m, n] matrix (columns of a convolution in (batch, y, x) order), whatever the layout.
struct Reference {
  int64_t m = 0, n = 0;
  std::vector<double> y;
  std::vector<double> magnitude;  ///< of each element: the sum of the magnitudes of all terms that went into it
  std::vector<int64_t> row_nnz;   ///< m
};

/// Computes Y = epilogue(W x X (+ Y)) from the operands of a call that Kernel::run accepts. Reads the old Y when
/// accumulating, so call it before the kernel. `multiply_zeros`: as dense code computes, where NaN and infinite
/// activations reach every row.
Reference compute_reference(const Weights& weights, const Problem& problem, const LayerParams& params,
                            const RunArgs& args, bool multiply_zeros = false);

/// The element of Y that is farthest off, in units of its tolerance.
struct Deviation {
  double worst = 0;  ///< |actual - expected| / tolerance; infinite where one is NaN or infinite and the other isn't
  double max_relative = 0;  ///< the largest |actual - expected| / magnitude
  /// The largest |actual - expected| over the largest magnitude of all elements: what transforms such as Winograd's can
  /// promise, whose sums have terms that no element's own products have.
  double max_of_largest = 0;
  int64_t row = 0, column = 0;
  double expected = 0, actual = 0;
  bool ok() const { return worst <= 1; }
  std::string describe() const;
};

/// Compares what a run left in args.y with the reference.
Deviation compare(const Reference& reference, const Problem& problem, const RunArgs& args);

/// Floats from the start of an operand with `rows` rows and n columns in all to its element (row, column).
/// `input`: X, which a convolution's stride subsamples, of matrices and pointwise convolutions only; else Y or the
/// residual. `ld` as in RunArgs.
int64_t element_offset(const Problem& problem, bool input, int64_t rows, int64_t n, int64_t ld, int64_t row,
                       int64_t column);

/// The columns of a call: args.n, or what a plain convolution's shape and batch say.
int64_t call_columns(const Problem& problem, const RunArgs& args);

}  // namespace sparsmith
