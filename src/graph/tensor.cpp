#include "graph/tensor.h"

#include <functional>
#include <numeric>

namespace sparsmith {

int64_t size_of(ElementType type) {
  switch (type) {
    case ElementType::i8:
    case ElementType::u8:
    case ElementType::boolean:
      return 1;
    case ElementType::f16:
    case ElementType::bf16:
    case ElementType::i16:
    case ElementType::u16:
      return 2;
    case ElementType::f32:
    case ElementType::i32:
    case ElementType::u32:
      return 4;
    case ElementType::f64:
    case ElementType::i64:
    case ElementType::u64:
      break;
  }
  return 8;
}

const char* to_string(ElementType type) {
  switch (type) {
    case ElementType::f32:
      return "float32";
    case ElementType::f64:
      return "float64";
    case ElementType::f16:
      return "float16";
    case ElementType::bf16:
      return "bfloat16";
    case ElementType::i8:
      return "int8";
    case ElementType::u8:
      return "uint8";
    case ElementType::i16:
      return "int16";
    case ElementType::u16:
      return "uint16";
    case ElementType::i32:
      return "int32";
    case ElementType::u32:
      return "uint32";
    case ElementType::i64:
      return "int64";
    case ElementType::u64:
      return "uint64";
    case ElementType::boolean:
      break;
  }
  return "bool";
}

}  // namespace sparsmith

namespace sparsmith::graph {

std::optional<ElementType> element_type(int64_t onnx_number) {
  switch (onnx_number) {
    case 1:
      return ElementType::f32;
    case 2:
      return ElementType::u8;
    case 3:
      return ElementType::i8;
    case 4:
      return ElementType::u16;
    case 5:
      return ElementType::i16;
    case 6:
      return ElementType::i32;
    case 7:
      return ElementType::i64;
    case 9:
      return ElementType::boolean;
    case 10:
      return ElementType::f16;
    case 11:
      return ElementType::f64;
    case 12:
      return ElementType::u32;
    case 13:
      return ElementType::u64;
    case 16:
      return ElementType::bf16;
    default:
      return std::nullopt;
  }
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Tensor Tensor::zeros(ElementType type, std::vector<int64_t> shape) {
  Tensor tensor{type, std::move(shape), {}};
  tensor.bytes.resize(static_cast<size_t>(tensor.size() * size_of(type)));
  return tensor;
}

int64_t Tensor::size() const { return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()); }

std::string describe(const Tensor& tensor) {
  return std::string(to_string(tensor.type)) + " " + shape_text(tensor.shape);
}

}  // namespace sparsmith::graph
