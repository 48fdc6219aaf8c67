/// \file
/// A constant of a model: element type, shape and bytes in C order.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sparsmith/model.h"

namespace sparsmith::graph {

using sparsmith::ElementType;
using sparsmith::size_of;
using sparsmith::to_string;

/// The element type of a number in ONNX files (TensorProto.DataType); none for text, complex numbers and types of other
/// widths.
std::optional<ElementType> element_type(int64_t onnx_number);
std::string shape_text(std::span<const int64_t> shape);  ///< "[64, 3, 7, 7]"

struct Tensor {
  ElementType type = ElementType::f32;
  std::vector<int64_t> shape;    ///< no dimension: a scalar
  std::vector<std::byte> bytes;  ///< size() * size_of(type)

  /// Every element zero. The sizes must be checked: their product times the element's bytes fits int64_t.
  static Tensor zeros(ElementType type, std::vector<int64_t> shape);

  int64_t size() const;  ///< elements
  /// The elements as T, whose size is the element type's: float for f32, uint16_t for the bits of f16 and bf16.
  template <class T>
  std::span<const T> as() const {
    assert(sizeof(T) == static_cast<size_t>(size_of(type)));
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  template <class T>
  std::span<T> as() {
    assert(sizeof(T) == static_cast<size_t>(size_of(type)));
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  bool operator==(const Tensor&) const = default;
};

std::string describe(const Tensor& tensor);  ///< "float32 [64, 3, 7, 7]"

}  // namespace sparsmith::graph
