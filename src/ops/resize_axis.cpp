#include "ops/resize_axis.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace sparsmith::ops {
namespace {

/// In float32, as other engines do: a nearest element next to a tie hangs on it.
float original(const ResizeAxis& axis, Coordinates coordinates, int64_t position) {
  const auto x = static_cast<float>(position);
  const auto input = static_cast<float>(axis.input), output = static_cast<float>(axis.output);
  switch (coordinates) {
    case Coordinates::half_pixel:
      break;
    case Coordinates::half_pixel_symmetric: {
      const float adjustment = output / (axis.scale * input);
      return input / 2 * (1 - adjustment) + (x + 0.5f) / axis.scale - 0.5f;
    }
    case Coordinates::pytorch_half_pixel:
      if (axis.output == 1) return 0;
      break;
    case Coordinates::tf_half_pixel_for_nn:
      return (x + 0.5f) / axis.scale;
    case Coordinates::asymmetric:
      return x / axis.scale;
    case Coordinates::align_corners:
      return axis.output == 1 ? 0 : x * (input - 1) / (output - 1);
  }
  return (x + 0.5f) / axis.scale - 0.5f;
}

/// Positions next to an element of the input; far outside is as good as just outside.
float bounded(const ResizeAxis& axis, float x) { return std::clamp(x, -8.0f, static_cast<float>(axis.input) + 8); }

int32_t within(const ResizeAxis& axis, int64_t index) {
  return static_cast<int32_t>(std::clamp<int64_t>(index, 0, axis.input - 1));
}

}  // namespace

std::optional<Coordinates> coordinates_named(std::string_view name) {
  if (name == "half_pixel") return Coordinates::half_pixel;
  if (name == "half_pixel_symmetric") return Coordinates::half_pixel_symmetric;
  if (name == "pytorch_half_pixel") return Coordinates::pytorch_half_pixel;
  if (name == "tf_half_pixel_for_nn") return Coordinates::tf_half_pixel_for_nn;
  if (name == "asymmetric") return Coordinates::asymmetric;
  if (name == "align_corners") return Coordinates::align_corners;
  return std::nullopt;
}

std::optional<Rounding> rounding_named(std::string_view name) {
  if (name == "round_prefer_floor") return Rounding::prefer_floor;
  if (name == "round_prefer_ceil") return Rounding::prefer_ceil;
  if (name == "floor") return Rounding::floor;
  if (name == "ceil") return Rounding::ceil;
  return std::nullopt;
}

Taps nearest_taps(const ResizeAxis& axis, Coordinates coordinates, Rounding rounding) {
  Taps taps;
  for (int64_t i = 0; i < axis.output; ++i) {
    const float x = bounded(axis, original(axis, coordinates, i)), below = std::floor(x), rest = x - below;
    bool up = false;
    switch (rounding) {
      case Rounding::prefer_floor:
        up = rest > 0.5f;
        break;
      case Rounding::prefer_ceil:
        up = rest >= 0.5f;
        break;
      case Rounding::floor:
        break;
      case Rounding::ceil:
        up = rest > 0;
        break;
    }
    taps.index.push_back(within(axis, static_cast<int64_t>(below) + (up ? 1 : 0)));
  }
  return taps;
}

Taps linear_taps(const ResizeAxis& axis, Coordinates coordinates) {
  Taps taps;
  taps.width = 2;
  for (int64_t i = 0; i < axis.output; ++i) {
    const float x = std::clamp(original(axis, coordinates, i), 0.0f, static_cast<float>(axis.input - 1));
    const float below = std::floor(x);
    for (const int64_t next : {0, 1}) {
      taps.index.push_back(within(axis, static_cast<int64_t>(below) + next));
      taps.weight.push_back(next == 1 ? x - below : 1 - (x - below));
    }
  }
  return taps;
}

Taps cubic_taps(const ResizeAxis& axis, Coordinates coordinates, float coefficient, bool exclude_outside) {
  Taps taps;
  taps.width = 4;
  const float a = coefficient;
  const auto near = [&](float d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };       // d <= 1
  const auto far = [&](float d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };  // 1 <= d <= 2
  for (int64_t i = 0; i < axis.output; ++i) {
    const float x = bounded(axis, original(axis, coordinates, i)), below = std::floor(x), rest = x - below;
    std::array<float, 4> weights = {far(rest + 1), near(rest), near(1 - rest), far(2 - rest)};
    const int64_t first = static_cast<int64_t>(below) - 1;
    if (exclude_outside) {
      float sum = 0;
      for (int64_t t = 0; t < 4; ++t) {
        if (first + t < 0 || first + t >= axis.input) weights[static_cast<size_t>(t)] = 0;
        sum += weights[static_cast<size_t>(t)];
      }
      for (float& weight : weights) weight /= sum;
    }
    for (int64_t t = 0; t < 4; ++t) taps.index.push_back(within(axis, first + t));
    taps.weight.insert(taps.weight.end(), weights.begin(), weights.end());
  }
  return taps;
}

}  // namespace sparsmith::ops
