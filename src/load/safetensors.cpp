#include "load/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

#include "load/messages.h"
#include "load/numeric.h"
#include "load/sparse.h"

namespace sparsmith::load {
namespace {

struct Tensor {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  int64_t count = 0;
  uint64_t begin = 0, end = 0;  ///< within the data
};

struct Header {
  std::vector<Tensor> tensors;
  uint64_t data_offset = 0;  ///< in the file
};

std::optional<FloatType> float_type(const std::string& dtype) {
  if (dtype == "F16") return FloatType::f16;
  if (dtype == "BF16") return FloatType::bf16;
  if (dtype == "F32") return FloatType::f32;
  return std::nullopt;
}

Result<Tensor> read_tensor(const std::string& name, const nlohmann::json& entry, uint64_t data_size,
                           const std::string& origin) {
  const std::string where = join(origin, ": tensor ", visible(name));
  if (!entry.is_object()) return bad_input(join(where, " is not described by a JSON object"));
  Tensor tensor;
  tensor.name = name;
  const auto dtype = entry.find("dtype"), shape = entry.find("shape"), offsets = entry.find("data_offsets");
  if (dtype == entry.end() || !dtype->is_string()) return bad_input(join(where, " has no \"dtype\" string"));
  tensor.dtype = dtype->get<std::string>();
  if (shape == entry.end() || !shape->is_array()) return bad_input(join(where, " has no \"shape\" list"));
  for (const auto& dimension : *shape) {
    if (!dimension.is_number_unsigned() || dimension.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
      return bad_input(join(where, " has dimension ",
                            visible(dimension.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)),
                            "; whole numbers from 0 are expected"));
    }
    tensor.shape.push_back(dimension.get<int64_t>());
  }
  const auto count = element_count(tensor.shape);
  if (!count) return bad_input(join(where, " has shape ", shape_text(tensor.shape), ", which overflows a 63-bit size"));
  tensor.count = *count;
  if (offsets == entry.end() || !offsets->is_array() || offsets->size() != 2 || !(*offsets)[0].is_number_unsigned() ||
      !(*offsets)[1].is_number_unsigned()) {
    return bad_input(join(where, " has no \"data_offsets\" of two whole numbers"));
  }
  tensor.begin = (*offsets)[0].get<uint64_t>();
  tensor.end = (*offsets)[1].get<uint64_t>();
  if (tensor.begin > tensor.end || tensor.end > data_size) {
    return bad_input(
        join(where, " claims bytes ", tensor.begin, " to ", tensor.end, " of the data, which has ", data_size),
        "the file is truncated, or its header is wrong");
  }
  if (const auto type = float_type(tensor.dtype)) {
    const auto bytes = checked_multiply(tensor.count, size_of(*type));
    if (!bytes || static_cast<uint64_t>(*bytes) != tensor.end - tensor.begin) {
      return bad_input(join(where, " of shape ", shape_text(tensor.shape), " and dtype ", tensor.dtype, " claims ",
                            tensor.end - tensor.begin, " bytes; it needs ",
                            bytes ? std::to_string(*bytes) : "more than 2^63"));
    }
  }
  return tensor;
}

/// The format allows neither gaps nor overlaps; a file with them was damaged or made to deceive.
Status check_layout(std::vector<Tensor> tensors, uint64_t data_size, const std::string& origin) {
  std::sort(tensors.begin(), tensors.end(),
            [](const Tensor& a, const Tensor& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
  uint64_t at = 0;
  for (const Tensor& tensor : tensors) {
    if (tensor.begin != at) {
      return bad_input(join(origin, ": tensor ", visible(tensor.name), " starts at byte ", tensor.begin,
                            " of the data, where byte ", at, " follows the tensor before it"));
    }
    at = tensor.end;
  }
  if (at != data_size) {
    return bad_input(join(origin, ": the tensors end at byte ", at, " of the data, which has ", data_size));
  }
  return success();
}

Result<Header> read_header(const ByteSource& source, const std::string& origin) {
  /// The limit of the format's own library.
  constexpr uint64_t kLongestHeader = 100'000'000;
  std::string scratch;
  if (source.size() < 8)
    return bad_input(
        join(origin, ": has ", source.size(), " bytes; a .safetensors file starts with 8 of header length"));
  const auto length_bytes = source.read(0, 8, scratch);
  if (!length_bytes) return length_bytes.error();
  const auto length = read_little<uint64_t>(length_bytes->data());
  if (length > source.size() - 8 || length > kLongestHeader) {
    return bad_input(join(origin, ": the header claims ", length, " bytes; ", source.size() - 8,
                          " follow, and at most ", kLongestHeader, " are allowed"),
                     "the file is truncated, or not a .safetensors file");
  }
  const auto text = source.read(8, length, scratch);
  if (!text) return text.error();
  // JSON lets the last of equal keys win silently; a set of tensors must not.
  std::set<std::string> names;
  std::string repeated;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (depth == 1 && event == nlohmann::json::parse_event_t::key && !names.insert(parsed.get<std::string>()).second) {
      repeated = parsed.get<std::string>();
    }
    return true;
  };
  const auto json = nlohmann::json::parse(text->begin(), text->end(), watch, false);
  if (json.is_discarded() || !json.is_object()) {
    return bad_input(join(origin, ": its header is not a JSON object"),
                     "the file is damaged, or not a .safetensors file");
  }
  if (!repeated.empty()) return bad_input(join(origin, ": tensor ", visible(repeated), " is described twice"));
  Header header;
  header.data_offset = 8 + length;
  const uint64_t data_size = source.size() - header.data_offset;
  for (const auto& [name, entry] : json.items()) {
    if (name == "__metadata__") continue;
    auto tensor = read_tensor(name, entry, data_size, origin);
    if (!tensor) return tensor.error();
    header.tensors.push_back(*std::move(tensor));
  }
  if (header.tensors.empty()) return bad_input(join(origin, ": holds no tensors"));
  if (Status status = check_layout(header.tensors, data_size, origin); !status) return status.error();
  return header;
}

std::string list(const std::vector<const Tensor*>& tensors) {
  constexpr size_t kShown = 12;
  std::string text;
  for (size_t i = 0; i < std::min(tensors.size(), kShown); ++i) text += (i > 0 ? ", " : "") + visible(tensors[i]->name);
  if (tensors.size() > kShown) text += join(" and ", tensors.size() - kShown, " more");
  return text;
}

/// The named tensor, or the only one with at least `least_rank` dimensions.
Result<const Tensor*> choose(const Header& header, const std::string& name, size_t least_rank,
                             const std::string& origin) {
  std::vector<const Tensor*> all, fitting;
  for (const Tensor& tensor : header.tensors) {
    if (!name.empty() && tensor.name == name) return &tensor;
    all.push_back(&tensor);
    if (tensor.shape.size() >= least_rank) fitting.push_back(&tensor);
  }
  if (!name.empty())
    return bad_input(join(origin, ": holds no tensor named ", visible(name), "; it holds ", list(all)));
  if (fitting.empty()) {
    return bad_input(join(origin, ": holds no tensor of ", least_rank, " or more dimensions; it holds ", list(all)));
  }
  if (fitting.size() > 1) {
    return bad_input(
        join(origin, ": holds ", fitting.size(), least_rank > 1 ? " matrices: " : " tensors: ", list(fitting)),
        join("name one, as in ", origin, ":", escaped(fitting.front()->name)));
  }
  return fitting.front();
}

Result<Array> read_array(const ByteSource& source, const Header& header, const Tensor& tensor,
                         const std::string& origin) {
  const std::string where = join(origin, ":", escaped(tensor.name));
  const auto type = float_type(tensor.dtype);
  if (!type) {
    return bad_input(join(where, ": dtype ", visible(tensor.dtype), " can't be read; F32, F16 and BF16 can"),
                     "convert the tensor to float32");
  }
  std::string scratch;
  const auto bytes = source.read(header.data_offset + tensor.begin, tensor.end - tensor.begin, scratch);
  if (!bytes) return bytes.error();
  Array array;
  array.shape = tensor.shape;
  array.data.resize(tensor.count);
  Status status = decode_floats(*type, false, bytes->data(), tensor.count, array.data.data(), where);
  if (!status) return status.error();
  return array;
}

Result<Array> load_tensor(const ByteSource& source, const std::string& name, size_t least_rank,
                          const std::string& origin, std::string& where) {
  const auto header = read_header(source, origin);
  if (!header) return header.error();
  const auto tensor = choose(*header, name, least_rank, origin);
  if (!tensor) return tensor.error();
  where = join(origin, ":", escaped((*tensor)->name));
  return read_array(source, *header, **tensor, origin);
}

}  // namespace

Result<Array> safetensors_array(const ByteSource& source, const std::string& name, const std::string& origin) {
  std::string where;
  return load_tensor(source, name, 0, origin, where);
}

Result<Weights> safetensors_weights(const ByteSource& source, const std::string& name, const std::string& origin) {
  std::string where;
  const auto array = load_tensor(source, name, 2, origin, where);
  if (!array) return array.error();
  return weights_from_array(*array, where);
}

}  // namespace sparsmith::load

namespace sparsmith {

Result<Array> parse_safetensors(std::string_view bytes, const std::string& name, const std::string& origin) {
  return load::guarded(origin, [&] { return load::safetensors_array(load::MemorySource(bytes), name, origin); });
}

}  // namespace sparsmith
