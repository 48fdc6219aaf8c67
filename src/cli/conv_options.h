/// \file
/// The options that describe a convolution, shared by compile, explain and bench.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "sparsmith/sparsmith.h"

namespace sparsmith::cli {

struct ConvOptions {
  std::string conv, kernel, stride, pad, dilation, groups, k_order = "oihw";

  /// Adds them all; returns --conv, which the others need.
  CLI::Option* add_to(CLI::App& command);
  /// The convolution, checked against the weights of `path`; none when --conv wasn't given.
  std::optional<Conv2d> read(const Weights& weights, const std::string& path) const;
};

}  // namespace sparsmith::cli
