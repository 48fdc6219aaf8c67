/// \file
/// A fuzz target: one reader of untrusted bytes, and valid files to start from. Each *_target.cpp defines both
/// functions; it becomes a libFuzzer program (libfuzzer_main.cpp) and a regression test (replay_main.cpp).
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "sparsmith/load.h"

namespace sparsmith::fuzz {

/// Reads `input` and aborts when something that must hold doesn't; sanitizers watch the rest.
void run(std::string_view input);

/// Valid inputs, small, of every variant the reader knows.
std::vector<std::string> seeds();

inline void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "fuzz target: %s\n", what);
  std::abort();
}

/// Errors must be the input's fault and say whose they are. Running out of memory isn't excused: inputs are small.
inline void check_error(const Error& error, const std::string& origin) {
  if (error.kind != ErrorKind::bad_input) std::fprintf(stderr, "fuzz target: %s\n", error.message.c_str());
  require(error.kind == ErrorKind::bad_input, "the error is not bad_input");
  require(error.message.find(origin) != std::string::npos, "the message doesn't name the file");
  for (const char c : error.message + error.hint) {
    require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "the message holds control characters");
  }
}

inline void check(const Result<Array>& result, const std::string& origin) {
  if (!result.ok()) return check_error(result.error(), origin);
  for (const int64_t dimension : result->shape) require(dimension >= 0, "a dimension is negative");
  require(result->size() == static_cast<int64_t>(result->data.size()), "shape and data differ");
}

inline void check(const NamedTensor& tensor) {
  int64_t bytes = size_of(tensor.element);
  for (const int64_t dimension : tensor.shape) {
    require(dimension >= 0, "a dimension is negative");
    bytes *= dimension;
  }
  require(bytes == static_cast<int64_t>(tensor.bytes.size()), "shape and bytes differ");
}

inline void check(const Result<NamedTensor>& result, const std::string& origin) {
  if (!result.ok()) return check_error(result.error(), origin);
  check(*result);
}

inline void check(const Result<Weights>& result, const std::string& origin) {
  if (!result.ok()) return check_error(result.error(), origin);
  const Pattern& pattern = result->pattern();
  require(pattern.rows() >= 1 && pattern.cols() >= 1, "a dimension is zero");
  require(result->values().size() == pattern.columns().size(), "values and pattern differ");
  require(static_cast<int64_t>(pattern.row_offsets().size()) == pattern.rows() + 1, "offsets and rows differ");
  require(pattern.row_offsets().back() == pattern.nnz(), "offsets and nonzeros differ");
  for (int64_t row = 0; row < pattern.rows(); ++row) {
    for (int64_t i = pattern.row_offsets()[row]; i < pattern.row_offsets()[row + 1]; ++i) {
      const int32_t column = pattern.columns()[i];
      require(column >= 0 && column < pattern.cols(), "a column is out of range");
      require(i == pattern.row_offsets()[row] || pattern.columns()[i - 1] < column, "columns don't ascend");
    }
  }
}

}  // namespace sparsmith::fuzz
