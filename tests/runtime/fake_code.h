/// \file
/// Stand-in for generated code: interprets segments exactly as image.h says generated code behaves.
#pragma once

#include <memory>
#include <vector>

#include "artifact/image.h"
#include "runtime/launch.h"
#include "runtime/loaded_code.h"
#include "sparsmith/weights.h"

namespace sparsmith::testing {

/// Random weights; about `density` of the elements, and a first row and a last column without any.
Weights random_weights(int64_t m, int64_t k, double density, uint32_t seed);

/// An image whose code is, for each entry, a jump into the interpreter. Keep it as long as the code may run. Tiles take
/// every tiles-th row, so that nothing depends on rows lying together.
class FakeCode {
 public:
  FakeCode(const Weights& weights, const Problem& problem, const Schedule& schedule);
  const KernelImage& image() const { return image_; }
  /// For launch() without machine code.
  SegmentCaller caller() const;

  /// What one entry computes.
  struct Body {
    const FakeCode* owner;
    std::vector<int32_t> rows;
    int64_t k_begin, k_end;
    bool first, last;
    int panels;
    void run(const EntryArgs& args) const;
  };

 private:
  void add_segment(int64_t tile, int64_t tiles, int64_t k_begin, int64_t k_end);
  /// Where column k of W lies in X for a row of W: lines from the panel's first.
  int64_t line(int64_t row, int64_t k) const;
  uint32_t add_entry(std::unique_ptr<Body> body);
  float epilogue(float v, const float*& values, const float* residual) const;
  void append_epilogue_sources(int32_t row);

  KernelImage image_;
  std::vector<std::unique_ptr<Body>> bodies_;
};

}  // namespace sparsmith::testing
