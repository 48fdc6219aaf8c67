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
constexpr size_t kFormatAt = 8, kFileBytesAt = 16;
using image_format::kCheckedAt;
using image_format::kChecksumAt;
static_assert(kFileBytesAt + 8 == kChecksumAt);

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

/// The kernels of the program whose header was read; the file's checksum has vouched for their bytes.
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

std::string serialize(const graph::Graph& graph, std::span<const ProgramBytes> programs) {
  Writer w;
  w.raw(kMagic.data(), kMagic.size());
  w.number(kModelFormat);
  w.number(uint32_t{0});
  for (int i = 0; i < 4; ++i) w.number(uint64_t{0});  // size and checksum, known at the end
  write(graph, w);
  w.number(static_cast<uint32_t>(programs.size()));
  for (const ProgramBytes& program : programs) {
    Writer body;
    write_program(program.program, body);
    body.number(static_cast<uint32_t>(program.kernels.size()));
    for (const std::string& kernel : program.kernels) {
      body.number(static_cast<uint64_t>(kernel.size()));
      body.raw(kernel.data(), kernel.size());
    }
    w.text(program.program.target);
    w.number(static_cast<uint64_t>(body.bytes().size()));
    w.raw(body.bytes().data(), body.bytes().size());
  }
  w.patch(kFileBytesAt, static_cast<uint64_t>(w.bytes().size()));
  w.patch(kChecksumAt, image_format::file_checksum(w.bytes()));
  return w.take();
}

Result<ModelBytes> parse_model(std::string_view bytes, const std::string& origin) {
  if (!is_model(bytes)) {
    return bad_input(origin + " is not a compiled model", "make one with `sparsmith compile model.onnx -o model.smk`");
  }
  Reader header(bytes.substr(kFormatAt));
  const auto format = header.number<uint32_t>();
  (void)header.number<uint32_t>();
  const auto size = header.number<uint64_t>();
  if (!header.good() || bytes.size() < kCheckedAt) return damaged(origin, "it ends within its header");
  if (format != kModelFormat) {
    return bad_input(
        origin + " is of format " + std::to_string(format) + "; this Sparsmith reads " + std::to_string(kModelFormat),
        "compile the model again, or use the Sparsmith that made it");
  }
  if (size != bytes.size()) {
    return damaged(origin, "it has " + std::to_string(bytes.size()) + " bytes and says " + std::to_string(size));
  }
  Reader r(bytes.substr(kCheckedAt));
  ModelBytes model;
  model.graph = read_graph(r);
  if (!r.good()) return damaged(origin, "its graph is not valid");
  std::string missing;
  for (uint32_t n = r.number<uint32_t>(); n > 0 && r.good(); --n) {
    const std::string name = r.text();
    const std::string_view body = r.take(r.number<uint64_t>());
    if (!r.good()) break;
    const auto target = Target::parse(name);
    if (!target) return damaged(origin, target.error().message);
    if (const std::string feature = target->missing_on_host(); !feature.empty()) {
      missing += (missing.empty() ? "" : "; ") + name + " needs " + feature;
      continue;
    }
    Reader program(body);
    model.program.target = name;
    read_program(program, model.program);
    if (!program.good()) return damaged(origin, "its program is not valid");
    if (Status read = read_kernels(program, origin, model.program); !read) return read.error();
    if (Status valid = check(model.graph, model.program); !valid) return damaged(origin, valid.error().message);
    return model;
  }
  if (!r.good()) return damaged(origin, "it ends within its programs");
  return unsuitable(origin + " was made for other CPUs than this one: " + missing,
                    "compile the model with --target host, or x86-64-v3 to run on older CPUs too");
}

Result<ModelBytes> deserialize(std::string_view bytes, const std::string& origin) {
  if (is_model(bytes) && bytes.size() >= kCheckedAt) {
    image_format::Checksum stored{};
    std::memcpy(&stored, bytes.data() + kChecksumAt, sizeof stored);
    uint32_t format = 0;
    std::memcpy(&format, bytes.data() + kFormatAt, sizeof format);
    if (format == kModelFormat && !(stored == image_format::file_checksum(bytes))) {
      return damaged(origin, "its checksum doesn't match");
    }
  }
  return parse_model(bytes, origin);
}

}  // namespace sparsmith::model
