/// \file
/// Operands of one call in hostile memory: what a kernel must not read is NaN or an unmapped page, what it must not
/// write is a canary.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

#include "sparsmith/kernel.h"
#include "sparsmith/problem.h"

namespace sparsmith::testing {

/// Floats that end where an unmapped page begins; the first one is aligned as the size has it.
class PageEndBuffer {
 public:
  explicit PageEndBuffer(int64_t floats);
  PageEndBuffer(const PageEndBuffer&) = delete;
  PageEndBuffer& operator=(const PageEndBuffer&) = delete;
  ~PageEndBuffer();
  float* data() { return data_; }
  const float* data() const { return data_; }
  int64_t size() const { return size_; }

 private:
  void* mapping_ = nullptr;
  size_t mapped_ = 0;
  float* data_ = nullptr;
  int64_t size_ = 0;
};

struct CallShape {
  int64_t n = 1;                                   ///< columns; ignored for a convolution with a plain operand
  int64_t batch = 1;                               ///< images
  int64_t pad_x = 0, pad_y = 0, pad_residual = 0;  ///< ld - n of plain matrices
  int64_t lead = 0;                                ///< floats added before Y, to vary its alignment
  bool y_at_page_end = false;                      ///< else a zone of canaries follows Y
  double special = 0;                              ///< share of X that is NaN or infinite
};

class CallBuffers {
 public:
  CallBuffers(const Problem& problem, int64_t m, int64_t k, const CallShape& shape, uint32_t seed);

  /// Arguments over these buffers; changing threads is fine.
  RunArgs& args() { return args_; }
  /// Y as it was at first: random where the kernel accumulates, else NaN.
  void reset_y();
  /// Y's elements in storage order, for comparing runs bit by bit.
  std::vector<uint32_t> y_bits() const;
  /// Every float around and between Y's elements is as it was, and padding that a layout defines is zero.
  ::testing::AssertionResult surroundings_untouched() const;

 private:
  static constexpr int64_t kZone = 48;

  std::vector<int64_t> y_elements_;  ///< offsets from args_.y
  std::vector<int64_t> y_padding_;   ///< likewise, of a layout that has zeros there
  std::vector<bool> y_writable_;     ///< by float of y_: an element or a padding lane
  std::vector<float> first_y_;
  PageEndBuffer x_, y_, residual_;
  int64_t y_begin_ = 0;  ///< of args_.y in y_
  RunArgs args_;
};

}  // namespace sparsmith::testing
