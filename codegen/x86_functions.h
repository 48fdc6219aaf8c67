/// \file
/// Vector functions that generated code calls: the activations with an exponential. Each is made once, before the first
/// code that calls it, rather than in every tile's epilogue.
///
/// A function maps numbers in place: r10 is the first of rax vectors of the encoder's lanes, on a multiple of 64 bytes.
/// It leaves r10 behind the last; rax, rcx and all vector registers are lost.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "codegen/x86_encoder.h"
#include "sparsmith/problem.h"
#include "sparsmith/target.h"

namespace sparsmith {

class X86Functions {
 public:
  X86Functions(Isa isa, X86Encoder& encoder) : avx512_(isa == Isa::avx512), e_(encoder) {}

  /// Appends the function for vectors of `lanes` floats (of AVX2 at most 8) where it is missing; changes the encoder's
  /// lanes.
  void make(Activation activation, int lanes);
  /// Where it is, after make.
  size_t offset(Activation activation, int lanes) const { return *slot(activation, lanes); }

 private:
  using Slot = std::optional<size_t>;
  static constexpr size_t kActivations = static_cast<size_t>(Activation::gelu_tanh) + 1;
  const Slot& slot(Activation activation, int lanes) const {
    return offsets_[static_cast<size_t>(activation)][lanes == 16 ? 0 : lanes == 8 ? 1 : 2];
  }

  const bool avx512_;
  X86Encoder& e_;
  std::array<std::array<Slot, 3>, kActivations> offsets_;
};

}  // namespace sparsmith
