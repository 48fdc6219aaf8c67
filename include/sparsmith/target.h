/// \file
/// The machine that code is made for, as a value that parses from and prints to a string.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sparsmith/result.h"

namespace sparsmith {

enum class Isa : uint8_t {
  avx2,    ///< 16 ymm registers, FMA3
  avx512,  ///< 32 zmm registers, embedded broadcast: AVX-512 F, VL, BW, DQ
};

/// A target: the instruction set kernels are written in and every CPU feature that the code may use.
class Target {
 public:
  /// `host`, `x86-64-v3` or `x86-64-v4`, then any `,+feature` or `,-feature` in LLVM's names (`x86-64-v4,+avx512vnni`).
  /// Features alone (`+avx512vnni`) change `host`. `host` is unsuitable on a CPU with neither AVX-512 nor AVX2 + FMA.
  /// bad_input names the unknown part.
  static Result<Target> parse(std::string_view text);
  static Result<Target> host() { return parse("host"); }

  Isa isa() const { return isa_; }
  const std::vector<std::string>& features() const { return features_; }  ///< LLVM names, sorted
  std::string to_string() const;  ///< canonical; parse(to_string()) gives an equal Target
  bool operator==(const Target&) const = default;

  /// The first feature this machine's CPU lacks, or empty when the target's code runs here.
  std::string missing_on_host() const;

 private:
  Isa isa_ = Isa::avx2;
  std::vector<std::string> features_;
};

}  // namespace sparsmith
