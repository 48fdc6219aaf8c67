/// \file
/// One dimension of a Resize: which elements of the input make each of the output, and with what weights.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace sparsmith::ops {

/// Where in the input a position of the output lies; ONNX's names.
enum class Coordinates {
  half_pixel,
  half_pixel_symmetric,
  pytorch_half_pixel,
  tf_half_pixel_for_nn,
  asymmetric,
  align_corners,
};
enum class Rounding { prefer_floor, prefer_ceil, floor, ceil };

std::optional<Coordinates> coordinates_named(std::string_view name);
std::optional<Rounding> rounding_named(std::string_view name);

struct ResizeAxis {
  int64_t input = 0, output = 0;
  float scale = 1;  ///< output to input, as given; not always the quotient
  bool resized() const { return input != output || scale != 1; }
};

/// Element i of the output comes from the `width` elements index[i * width + t] of the input, all of them within it.
struct Taps {
  int64_t width = 1;
  std::vector<int32_t> index;
  std::vector<float> weight;  ///< likewise; empty: 1
};

Taps nearest_taps(const ResizeAxis& axis, Coordinates coordinates, Rounding rounding);
Taps linear_taps(const ResizeAxis& axis, Coordinates coordinates);
/// Weights of elements outside of the input go to the border's elements, or, with `exclude_outside`, to all others.
Taps cubic_taps(const ResizeAxis& axis, Coordinates coordinates, float coefficient, bool exclude_outside);

}  // namespace sparsmith::ops
