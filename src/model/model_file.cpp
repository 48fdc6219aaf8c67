#include "model/model_file.h"

#include "artifact/image_format.h"
#include "artifact/serialize.h"
#include "model/graph_io.h"
#include "runtime/kernel_impl.h"
#include "sparsmith/target.h"

namespace sparsmith::model {
namespace {

using image_format::Reader;
using image_format::Writer;

// As a layer's artifact: a byte that is no text, then line ends that a transfer in text mode would change.
constexpr std::string_view kMagic("\x8bSMM\r\n\x1a\n", 8);
constexpr size_t kFormatAt = 8, kFileBytesAt = 16, kDirectoryBytesAt = 40;
using image_format::Checksum;
using image_format::kCheckedAt;
using image_format::kChecksumAt;
static_assert(kFileBytesAt + 8 == kChecksumAt && kDirectoryBytesAt + 8 == kCheckedAt);

Error damaged(const std::string& origin, const std::string& what) {
  return bad_input(origin + " is damaged: " + what, "compile the model again");
}

void write_conv(const Conv2d& conv, Writer& w) {
  for (const int64_t field :
       {conv.height, conv.width, conv.stride_h, conv.stride_w, conv.kernel_h, conv.kernel_w, conv.dilation_h,
        conv.dilation_w, conv.pad_top, conv.pad_left, conv.pad_bottom, conv.pad_right}) {
    w.number(field);
  }
}

Conv2d read_conv(Reader& r) {
  Conv2d conv;
  for (int64_t* const field :
       {&conv.height, &conv.width, &conv.stride_h, &conv.stride_w, &conv.kernel_h, &conv.kernel_w, &conv.dilation_h,
        &conv.dilation_w, &conv.pad_top, &conv.pad_left, &conv.pad_bottom, &conv.pad_right}) {
    *field = r.number<int64_t>();
  }
  return conv;
}

void write_grid(const StripGrid& grid, Writer& w) {
  for (const int64_t field : {grid.height, grid.width, grid.grid_h, grid.grid_w, grid.tile_h, grid.tile_w}) {
    w.number(field);
  }
}

StripGrid read_grid(Reader& r) {
  StripGrid grid;
  for (int64_t* const field : {&grid.height, &grid.width, &grid.grid_h, &grid.grid_w, &grid.tile_h, &grid.tile_w}) {
    *field = r.number<int64_t>();
  }
  return grid;
}

void write_indices(const std::vector<int32_t>& indices, Writer& w) {
  w.number(static_cast<uint32_t>(indices.size()));
  for (const int32_t i : indices) w.number(i);
}

std::vector<int32_t> read_indices(Reader& r) {
  std::vector<int32_t> indices;
  for (uint32_t n = r.number<uint32_t>(); n > 0 && r.good(); --n) indices.push_back(r.number<int32_t>());
  return indices;
}

void write_program(const Program& program, Writer& w) {
  w.number(static_cast<uint32_t>(program.buffers.size()));
  for (const Buffer& buffer : program.buffers) {
    w.number(buffer.value);
    w.enumeration(buffer.format.kind);
    if (buffer.format.kind == Format::Kind::grid) write_grid(buffer.format.grid, w);
    if (buffer.format.kind == Format::Kind::strips) write_conv(buffer.format.conv, w);
    w.number(buffer.whole);
    if (buffer.is_part()) w.number(buffer.first);
  }
  w.number(static_cast<uint32_t>(program.works.size()));
  for (const Work& work : program.works) {
    w.enumeration(work.kind);
    w.number(work.node);
    w.number(work.kernel);
    write_indices(work.inputs, w);
    write_indices(work.outputs, w);
  }
}

void read_program(Reader& r, Program& program) {
  for (uint32_t n = r.number<uint32_t>(); n > 0 && r.good(); --n) {
    Buffer& buffer = program.buffers.emplace_back();
    buffer.value = r.number<int32_t>();
    buffer.format.kind = r.enumeration(Format::Kind::strips);
    if (buffer.format.kind == Format::Kind::grid) buffer.format.grid = read_grid(r);
    if (buffer.format.kind == Format::Kind::strips) buffer.format.conv = read_conv(r);
    buffer.whole = r.number<int32_t>();
    if (buffer.is_part()) buffer.first = r.number<int64_t>();
  }
  for (uint32_t n = r.number<uint32_t>(); n > 0 && r.good(); --n) {
    Work& work = program.works.emplace_back();
    work.kind = r.enumeration(Work::kLastKind);
    work.node = r.number<int32_t>();
    work.kernel = r.number<int32_t>();
    work.inputs = read_indices(r);
    work.outputs = read_indices(r);
  }
}

/// The kernels of the program whose header was read; the checksum has vouched for their bytes.
Status read_kernels(Reader& r, const std::string& origin, Program& program) {
  for (uint32_t n = r.number<uint32_t>(); n > 0; --n) {
    const auto bytes = r.number<uint64_t>();
    const std::string_view artifact = r.take(bytes);
    if (!r.good()) return damaged(origin, "it ends within its kernels");
    const std::string name = origin + ", kernel " + std::to_string(program.kernels.size());
    auto image = parse_body(artifact, name);
    if (!image) return image.error();
    auto kernel = kernel_of(std::move(*image), name);
    if (!kernel) {
      Error error = kernel.error();
      if (error.message.find(name) == std::string::npos) error.message = name + ": " + error.message;
      return error;
    }
    program.kernels.push_back(std::move(*kernel));
  }
  return success();
}

}  // namespace

bool is_model(std::string_view bytes) { return bytes.substr(0, kMagic.size()) == kMagic; }

std::string serialize(const graph::Graph& graph, std::span<const ProgramBytes> programs, bool images_apart) {
  std::vector<std::string> bodies;
  Writer w;
  w.raw(kMagic.data(), kMagic.size());
  w.number(kModelFormat);
  w.number(uint32_t{0});
  for (int i = 0; i < 4; ++i) w.number(uint64_t{0});  // sizes and checksum, known at the end
  write(graph, w);
  w.enumeration(images_apart);
  w.number(static_cast<uint32_t>(programs.size()));
  for (const ProgramBytes& program : programs) {
    Writer body;
    write_program(program.program, body);
    body.number(static_cast<uint32_t>(program.kernels.size()));
    for (const std::string& kernel : program.kernels) {
      body.number(static_cast<uint64_t>(kernel.size()));
      body.raw(kernel.data(), kernel.size());
    }
    const Checksum sum = image_format::checksum(body.bytes());
    w.text(program.program.target);
    for (const uint64_t number : {static_cast<uint64_t>(body.bytes().size()), sum.low, sum.high}) w.number(number);
    bodies.push_back(body.take());
  }
  w.patch(kDirectoryBytesAt, static_cast<uint64_t>(w.bytes().size() - kCheckedAt));
  uint64_t size = w.bytes().size();
  for (const std::string& body : bodies) size += body.size();
  w.patch(kFileBytesAt, size);
  w.patch(kChecksumAt, image_format::file_checksum(w.bytes()));
  w.reserve(size);
  for (std::string& body : bodies) {
    w.raw(body.data(), body.size());
    body = {};
  }
  return w.take();
}

namespace {

/// Where a program lies, and for whom.
struct Entry {
  Target target;
  std::string name;
  uint64_t at = 0, bytes = 0;
  Checksum checksum{};
};

class MemorySource : public Source {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}
  uint64_t size() const override { return bytes_.size(); }
  Result<std::string_view> part(uint64_t at, uint64_t bytes) override { return bytes_.substr(at, bytes); }

 private:
  std::string_view bytes_;
};

class ModelReader {
 public:
  ModelReader(Source& source, const std::string& origin, bool checked)
      : source_(source), origin_(origin), checked_(checked) {}

  Result<ModelBytes> read() {
    ModelBytes model;
    if (Status read = read_directory(model); !read) return read.error();
    std::string missing;
    for (const Entry& entry : entries_) {
      const std::string feature = entry.target.missing_on_host();
      if (!feature.empty()) {
        missing += (missing.empty() ? "" : "; ") + entry.name + " needs " + feature;
        continue;
      }
      model.program.target = entry.name;
      if (Status read = read_body(entry, model); !read) return read.error();
      return model;
    }
    return unsuitable(origin_ + " was made for other CPUs than this one: " + missing,
                      "compile the model with --target host, or x86-64-v3 to run on older CPUs too");
  }

 private:
  /// Header, graph and the list of programs.
  Status read_directory(ModelBytes& model) {
    const uint64_t size = source_.size();
    if (size > kMaxModelBytes)
      return bad_input(origin_ + " is too large: at most " + std::to_string(kMaxModelBytes) + " bytes are read");
    auto head = source_.part(0, std::min<uint64_t>(size, kCheckedAt));
    if (!head) return head.error();
    if (!is_model(*head)) {
      return bad_input(origin_ + " is not a compiled model",
                       "make one with `sparsmith compile model.onnx -o model.smk`");
    }
    if (head->size() < kCheckedAt) return damaged(origin_, "it ends within its header");
    Reader header(head->substr(kFormatAt));
    const auto format = header.number<uint32_t>();
    (void)header.number<uint32_t>();
    const auto said = header.number<uint64_t>();
    const auto stored_low = header.number<uint64_t>(), stored_high = header.number<uint64_t>();
    const auto directory = header.number<uint64_t>();
    if (format != kModelFormat) {
      return bad_input(origin_ + " is of format " + std::to_string(format) + "; this Sparsmith reads " +
                           std::to_string(kModelFormat),
                       "compile the model again, or use the Sparsmith that made it");
    }
    if (said != size) {
      return damaged(origin_, "it has " + std::to_string(size) + " bytes and says " + std::to_string(said));
    }
    if (directory > size - kCheckedAt) return damaged(origin_, "it ends within its graph");
    auto bytes = source_.part(0, kCheckedAt + directory);
    if (!bytes) return bytes.error();
    if (checked_ && !(image_format::file_checksum(*bytes) == Checksum{stored_low, stored_high})) {
      return damaged(origin_, "the checksum of its graph doesn't match");
    }
    Reader r(bytes->substr(kCheckedAt));
    model.graph = read_graph(r);
    model.images_apart = r.boolean();
    if (!r.good()) return damaged(origin_, "its graph is not valid");
    uint64_t at = kCheckedAt + directory;
    for (uint32_t n = r.number<uint32_t>(); n > 0 && r.good(); --n) {
      const std::string name = r.text();
      const auto body = r.number<uint64_t>();
      const auto low = r.number<uint64_t>(), high = r.number<uint64_t>();
      if (!r.good() || body > size - at) break;
      auto target = Target::parse(name);
      if (!target) return damaged(origin_, target.error().message);
      entries_.push_back({std::move(*target), name, at, body, {low, high}});
      at += body;
    }
    if (!r.good() || !r.at_end() || at != size) return damaged(origin_, "its programs aren't where it says");
    return success();
  }

  Status read_body(const Entry& entry, ModelBytes& model) {
    auto body = source_.part(entry.at, entry.bytes);
    if (!body) return body.error();
    if (checked_ && !(image_format::checksum(*body) == entry.checksum)) {
      return damaged(origin_, "the checksum of its program for " + entry.name + " doesn't match");
    }
    Reader r(*body);
    read_program(r, model.program);
    if (!r.good()) return damaged(origin_, "its program is not valid");
    if (Status read = read_kernels(r, origin_, model.program); !read) return read;
    if (Status valid = check(model.graph, model.program); !valid) return damaged(origin_, valid.error().message);
    return success();
  }

  Source& source_;
  const std::string& origin_;
  const bool checked_;
  std::vector<Entry> entries_;
};

}  // namespace

Result<ModelBytes> deserialize(Source& source, const std::string& origin) {
  return ModelReader(source, origin, true).read();
}

Result<ModelBytes> deserialize(std::string_view bytes, const std::string& origin) {
  MemorySource source(bytes);
  return deserialize(source, origin);
}

Result<ModelBytes> parse_model(std::string_view bytes, const std::string& origin) {
  MemorySource source(bytes);
  return ModelReader(source, origin, false).read();
}

}  // namespace sparsmith::model
