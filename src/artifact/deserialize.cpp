#include <algorithm>
#include <iterator>

#include "artifact/compact_stream.h"
#include "artifact/image_format.h"
#include "artifact/prefault.h"
#include "artifact/serialize.h"
#include "pattern/check.h"
#include "pattern/images.h"
#include "sparsmith/panel.h"

namespace sparsmith {
namespace image_format {
namespace {

struct Header {
  KernelImageHeader summary;
  size_t bytes = 0;
  uint64_t section_bytes[kSectionCount] = {};
};

Error damaged(const std::string& origin, const std::string& what) {
  return bad_input(origin + " is damaged: " + what, "make the file again");
}

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

// `start` is a prefix of the file, at least its header; `check` looks at the header's own checksum.
Result<Header> parse_header(std::string_view start, const std::string& origin, bool check) {
  if (!start.starts_with(kMagic.substr(0, start.size())))
    return bad_input(origin + " is not a Sparsmith artifact: it doesn't start with the artifact signature");
  Reader in(start);
  in.take(kMagic.size());
  Header header;
  KernelImageHeader& summary = header.summary;
  summary.format = in.number<uint32_t>();
  if (in.good() && summary.format != kImageFormat) {
    const std::string versions = " Sparsmith (format " + std::to_string(summary.format) + ", this one reads " +
                                 std::to_string(kImageFormat) + ")";
    if (summary.format > kImageFormat)
      return bad_input(origin + " was made by a newer" + versions, "update Sparsmith, or compile the layer again");
    return bad_input(origin + " was made by an older" + versions, "compile the layer again");
  }
  header.bytes = in.number<uint32_t>();
  const uint64_t file_bytes = in.number<uint64_t>();
  if (!in.good() || start.size() < kFixedHeaderBytes)
    return damaged(origin, "it ends after " + std::to_string(start.size()) + " bytes, inside its header");
  if (header.bytes < kFixedHeaderBytes || header.bytes > static_cast<size_t>(kMaxHeaderBytes) ||
      file_bytes < header.bytes || file_bytes > static_cast<uint64_t>(kMaxImageBytes))
    return damaged(origin, "its header gives impossible sizes");
  summary.file_bytes = static_cast<int64_t>(file_bytes);
  if (start.size() < header.bytes)
    return damaged(origin, "it ends after " + std::to_string(start.size()) + " bytes, inside its header");

  in.take(kHeaderChecksumAt - kChecksumAt);
  const uint64_t stored = in.number<uint64_t>();
  if (check && stored != header_checksum(start.substr(0, header.bytes)))
    return damaged(origin, "its header's checksum doesn't match");

  summary.key.high = in.number<uint64_t>();
  summary.key.low = in.number<uint64_t>();
  summary.m = in.number_within<int64_t>(1, kMaxDimension);
  summary.k = in.number_within<int64_t>(1, kMaxDimension);
  summary.nnz = in.number_within<int64_t>(0, kMaxNonzeros);
  if (!in.good()) return damaged(origin, "its header gives an impossible shape");
  uint64_t total = header.bytes;
  for (uint64_t& size : header.section_bytes) {
    size = in.number_within<uint64_t>(0, file_bytes);
    total += padded(size);
  }
  const uint32_t symbol_bytes = in.number_within<uint32_t>(0, kMaxNameBytes);
  const uint32_t target_bytes = in.number_within<uint32_t>(0, kMaxNameBytes);
  if (!in.good() || total != file_bytes || header.bytes != padded(kFixedHeaderBytes + symbol_bytes + target_bytes))
    return damaged(origin, "the sizes of its sections don't add up to the file's");
  summary.symbol = in.take(symbol_bytes);
  summary.target = in.take(target_bytes);
  if (!printable(summary.symbol) || !printable(summary.target))
    return damaged(origin, "its symbol or target holds characters that no name has");
  summary.code_bytes = static_cast<int64_t>(header.section_bytes[kCode]);
  summary.value_bytes = static_cast<int64_t>(header.section_bytes[kValues]);
  return header;
}

Problem read_problem(Reader& in) {
  Problem problem;
  problem.n = in.number_within<int64_t>(0, kMaxColumns);
  problem.n_fixed = in.boolean();
  if (problem.n_fixed && problem.n == 0) in.fail();
  problem.x_layout = in.enumeration(Layout::grid);
  problem.y_layout = in.enumeration(Layout::row);
  problem.y_channels = in.number_within<int64_t>(0, kMaxPitch);
  const bool has_conv = in.boolean();
  Conv2d conv;
  const int64_t least = has_conv ? 1 : 0;
  for (int64_t* size : {&conv.height, &conv.width}) *size = in.number_within(least, kMaxDimension);
  for (int64_t* size :
       {&conv.stride_h, &conv.stride_w, &conv.kernel_h, &conv.kernel_w, &conv.dilation_h, &conv.dilation_w}) {
    *size = in.number_within<int64_t>(1, kMaxDimension);  // whether they fit each other is checked with M and K
  }
  for (int64_t* pad : {&conv.pad_top, &conv.pad_left, &conv.pad_bottom, &conv.pad_right}) {
    *pad = in.number_within<int64_t>(0, kMaxDimension);
  }
  conv.groups = in.number_within<int64_t>(1, kMaxDimension);
  conv.order = in.enumeration(WeightOrder::hwc);
  if (has_conv) problem.conv = conv;
  Epilogue& e = problem.epilogue;
  e.accumulate = in.boolean();
  e.row_scale = in.boolean();
  e.bias = in.boolean();
  e.residual = in.enumeration(Residual::after_activation);
  e.activation = in.enumeration(Activation::gelu_tanh);
  e.alpha = in.number<float>();
  e.lo = in.number<float>();
  e.hi = in.number<float>();
  e.beta = in.number<float>();
  if (e.activation == Activation::clip && !(e.lo <= e.hi)) in.fail();
  return problem;
}

Schedule read_schedule(Reader& in) {
  Schedule schedule;
  schedule.form = in.enumeration(Form::compact);
  schedule.tile_rows = in.number_within<int32_t>(1, 1 << 16);
  schedule.panels_per_pass = in.number_within<int32_t>(1, 1 << 8);
  schedule.k_block = in.number_within<int64_t>(0, kMaxDimension);
  schedule.n_block = in.number_within<int64_t>(0, kMaxColumns);
  schedule.cluster_rows = in.boolean();
  schedule.prefetch_y = in.boolean();
  schedule.direct_x = in.boolean();
  schedule.tile_group = in.number_within<int64_t>(0, kMaxDimension);
  schedule.inner_panels = in.number_within<int64_t>(schedule.tile_group > 0 ? 1 : 0, kMaxColumns);
  // The launcher lays windows out by it.
  schedule.window_step = in.number_within<int32_t>(1, 16);
  if ((schedule.window_step & (schedule.window_step - 1)) != 0 || schedule.window_step == 2) in.fail();
  if (schedule.form == Form::vector && schedule.panels_per_pass > kMostColumnsPerPass) in.fail();
  schedule.prefetch_code = in.boolean();
  schedule.lanes = in.number_within<int32_t>(4, 16);
  if ((schedule.lanes & (schedule.lanes - 1)) != 0) in.fail();
  schedule.images = in.enumeration(ImageLayout::rows);
  return schedule;
}

/// The launcher gives code that reads X in place the caller's strides: only a plain, unstrided X has them; columns to
/// the vector form, which spatial convolutions don't have; addresses groups of tiles by their place in a grid that the
/// compact form leaves holes in; and calls narrow code panel by panel.
bool runs_legally(const Schedule& schedule, const Problem& problem) {
  if (!suits(schedule.images, problem)) return false;
  if (schedule.form == Form::vector) return !problem.spatial() && !schedule.direct_x && schedule.lanes >= 8;
  // Its code computes all of an image a pass.
  if (problem.x_layout == Layout::grid) {
    return schedule.form == Form::depthwise && schedule.panels_per_pass == 1 && schedule.n_block == 0 &&
           schedule.tile_group == 0 && schedule.lanes == 16;
  }
  if (schedule.lanes < 16 && (problem.spatial() || schedule.panels_per_pass > 1)) return false;
  if (schedule.form == Form::compact && (schedule.tile_group > 0 || schedule.images != ImageLayout::strips))
    return false;
  if (!schedule.direct_x) return true;
  const bool strided = problem.conv && (problem.conv->stride_h != 1 || problem.conv->stride_w != 1);
  return problem.x_layout == Layout::plain && !problem.spatial() && !strided && schedule.form == Form::sparse &&
         schedule.panels_per_pass == 1;
}

Plan read_plan(Reader& in) {
  Plan plan;
  plan.m = in.number<int64_t>();
  plan.k = in.number<int64_t>();
  plan.nnz = in.number<int64_t>();
  plan.n = in.number_within<int64_t>(0, kMaxColumns);
  plan.target = in.text();
  plan.chosen = read_schedule(in);
  const uint32_t few = in.number<uint32_t>();
  for (uint32_t i = 0; i < few && in.good(); ++i) {
    const int64_t least = i > 0 ? plan.few.back().most_columns + 1 : 1;
    const int64_t most = in.number_within<int64_t>(least, kMaxColumns);
    plan.few.push_back({most, read_schedule(in)});
  }
  plan.tail_columns = in.number_within<int64_t>(0, kPanelWidth - 1);
  plan.tuned = in.boolean();
  plan.reason = in.text();
  const uint32_t count = in.number<uint32_t>();
  for (uint32_t i = 0; i < count && in.good(); ++i) {  // a count that lies runs into the end of the section
    Candidate& candidate = plan.candidates.emplace_back();
    candidate.schedule = read_schedule(in);
    candidate.predicted_ns = in.number<double>();
    candidate.measured_ns = in.number<double>();
    candidate.code_bytes = in.number<int64_t>();
    candidate.note = in.text();
  }
  return plan;
}

/// Variants with room for their segments, which lie in another section, behind those of the image itself.
std::vector<Variant> read_variants(Reader& in, const Problem& problem, size_t segments, size_t& own_segments) {
  own_segments = in.number<uint32_t>();
  size_t left = segments - std::min(segments, own_segments);
  if (own_segments > segments) in.fail();
  std::vector<Variant> variants;
  const uint32_t count = in.number<uint32_t>();
  for (uint32_t i = 0; i < count && in.good(); ++i) {
    Variant& variant = variants.emplace_back();
    const int64_t least = i > 0 ? variants[i - 1].most_columns + 1 : 1;
    variant.most_columns = in.number_within<int64_t>(least, kMaxColumns);
    variant.schedule = read_schedule(in);
    if (!runs_legally(variant.schedule, problem)) in.fail();
    const size_t own = in.number<uint32_t>();
    if (own > left) in.fail();
    if (!in.good()) break;
    variant.segments.resize(own);
    left -= own;
  }
  if (left != 0) in.fail();
  return variants;
}

template <class T>
std::vector<T> copy_array(std::string_view bytes) {
  // Sections lie on multiples of 8 in the file: unless the caller's buffer is odd, megabytes need no zeroing first.
  std::vector<T> array = prefaulted<T>(bytes.size() / sizeof(T));
  if (reinterpret_cast<uintptr_t>(bytes.data()) % alignof(T) == 0) {
    const auto* first = reinterpret_cast<const T*>(bytes.data());
    array.assign(first, first + bytes.size() / sizeof(T));
    return array;
  }
  array.resize(bytes.size() / sizeof(T));
  if (!array.empty()) std::memcpy(array.data(), bytes.data(), bytes.size());
  return array;
}

// The order and offsets that the launcher relies on. Empty when right.
std::string check_segments(const KernelImage& image, const Schedule& schedule, const std::vector<Segment>& segments) {
  if (segments.empty()) return "it has no segments";
  const int64_t k_blocks = image.k * (image.problem.conv ? image.problem.conv->groups : 1);
  for (size_t i = 0; i < segments.size(); ++i) {
    const Segment& s = segments[i];
    const auto wrong = [i](const char* what) { return "segment " + std::to_string(i) + what; };
    if (s.main_offset >= image.code.size() || s.single_offset >= image.code.size())
      return wrong(" starts outside the code");
    if (s.value_offset > image.value_sources.size()) return wrong(" starts outside the packed values");
    if (s.rows < 1 || s.rows > image.m || s.first_row > image.m - int64_t{s.rows} || s.tile >= image.m ||
        s.k_block >= k_blocks)
      return wrong(" has an impossible tile, k-block or rows");
    if (i == 0) continue;
    const Segment& before = segments[i - 1];
    if (s.k_block < before.k_block || (s.k_block == before.k_block && s.tile <= before.tile))
      return wrong(" is out of order");
  }
  // Groups of tiles are addressed by k-block and tile, so that there must be a segment for each pair.
  if (schedule.tile_group > 0) {
    const size_t tiles = segments.back().tile + size_t{1};
    for (size_t i = 0; i < segments.size(); ++i) {
      if (segments[i].tile != i % tiles || segments[i].k_block != i / tiles)
        return "segment " + std::to_string(i) + " is not the one its place in the grid of tiles asks for";
    }
  }
  return {};
}

// Packing reads weights and parameters at these indices. Empty when right.
std::string check_value_sources(const KernelImage& image) {
  const Epilogue& epilogue = image.problem.epilogue;
  // How many indices each kind may have; none for the vectors that the epilogue doesn't ask callers for.
  const uint32_t rows = static_cast<uint32_t>(image.m), any = 1u << 28;
  uint32_t limits[16] = {};
  const auto limit = [&limits](ValueKind kind) -> uint32_t& { return limits[static_cast<size_t>(kind)]; };
  limit(ValueKind::weight) = static_cast<uint32_t>(image.columns.size());
  limit(ValueKind::bias) = epilogue.bias ? rows : 0;
  limit(ValueKind::row_scale) = epilogue.row_scale ? rows : 0;
  limit(ValueKind::prelu_slope) = epilogue.activation == Activation::prelu ? rows : 0;
  limit(ValueKind::alpha) = limit(ValueKind::lo) = limit(ValueKind::hi) = limit(ValueKind::zero) = any;
  limit(ValueKind::beta) = any;
  limit(ValueKind::literal) = static_cast<uint32_t>(std::size(kLiterals));
  const auto from_nowhere = [&limits](ValueSource source) {
    return source.index() >= limits[static_cast<size_t>(source.kind())];
  };
  // Almost all are weights, whose kind is 0: runs of them are told by one comparison each, without an exit.
  static_assert(ValueKind::weight == ValueKind{0});
  constexpr size_t kRun = 64;
  const std::span<const ValueSource> sources = image.value_sources;
  const uint32_t weights = limits[0];
  for (size_t at = 0; at < sources.size(); at += kRun) {
    const auto run = sources.subspan(at, std::min(kRun, sources.size() - at));
    uint32_t others = 0;
    for (const ValueSource source : run) others |= uint32_t{source.bits >= weights};
    if (others == 0) continue;
    const auto wrong = std::find_if(run.begin(), run.end(), from_nowhere);
    if (wrong != run.end()) {
      return "packed value " + std::to_string(at + static_cast<size_t>(wrong - run.begin())) + " comes from nowhere";
    }
  }
  return {};
}

}  // namespace
}  // namespace image_format

Result<KernelImageHeader> peek_header(std::string_view bytes, const std::string& origin) {
  Result<image_format::Header> header = image_format::parse_header(bytes, origin, true);
  if (!header) return header.error();
  return std::move(header->summary);
}

Result<KernelImage> parse_body(std::string_view bytes, const std::string& origin) {
  using namespace image_format;
  Result<Header> parsed = parse_header(bytes, origin, false);
  if (!parsed) return parsed.error();
  const Header& header = *parsed;
  const auto file_bytes = static_cast<uint64_t>(header.summary.file_bytes);
  if (bytes.size() < file_bytes)
    return damaged(origin,
                   "it ends after " + std::to_string(bytes.size()) + " of " + std::to_string(file_bytes) + " bytes");
  if (bytes.size() > file_bytes)
    return damaged(origin, std::to_string(bytes.size() - file_bytes) + " bytes follow its end");

  std::string_view sections[kSectionCount];
  size_t at = header.bytes;
  for (int i = 0; i < kSectionCount; ++i) {
    sections[i] = bytes.substr(at, header.section_bytes[i]);
    at += padded(header.section_bytes[i]);
  }
  const auto wrong_size = [&](Section section, uint64_t unit, int64_t count) {
    return sections[section].size() % unit != 0 ||
           (count >= 0 && sections[section].size() / unit != static_cast<uint64_t>(count));
  };
  const auto wrong = [&](Section section) {
    return damaged(origin, std::string("the section of its ") + kSectionNames[section] + " has an impossible size");
  };

  KernelImage image;
  image.symbol = header.summary.symbol;
  image.target = header.summary.target;
  image.m = header.summary.m;
  image.k = header.summary.k;
  if (wrong_size(kRowOffsets, sizeof(int64_t), image.m + 1)) return wrong(kRowOffsets);
  if (wrong_size(kColumns, sizeof(int32_t), header.summary.nnz)) return wrong(kColumns);
  if (wrong_size(kSegments, sizeof(Segment), -1)) return wrong(kSegments);
  if (wrong_size(kValueSources, sizeof(ValueSource), -1)) return wrong(kValueSources);
  if (sections[kCode].empty() || sections[kCode].size() > UINT32_MAX) return wrong(kCode);
  if (!sections[kValues].empty() && sections[kValues].size() != sections[kValueSources].size()) return wrong(kValues);

  Reader meta(sections[kMeta]);
  image.problem = read_problem(meta);
  image.plan = read_plan(meta);
  if (!runs_legally(image.plan.chosen, image.problem)) meta.fail();
  if (image.problem.conv) {
    if (Status conv = check_conv(image.m, image.k, *image.problem.conv); !conv)
      return damaged(origin, "its convolution is impossible: " + conv.error().message);
  }
  if (Status layouts = check_layouts(image.m, image.problem); !layouts)
    return damaged(origin, "it is for " + layouts.error().message);
  if (image.problem.spatial() && image.plan.chosen.images != ImageLayout::strips) {
    if (Status shapes = check_image_shapes(image.m, image.k, *image.problem.conv); !shapes)
      return damaged(origin, "it is for " + shapes.error().message);
  }
  size_t own_segments = 0;
  image.variants = read_variants(meta, image.problem, sections[kSegments].size() / sizeof(Segment), own_segments);
  // The launcher lays images out once, before it chooses among variants.
  for (const Variant& variant : image.variants) {
    if (variant.schedule.images != image.plan.chosen.images) meta.fail();
  }
  if (!meta.good() || !meta.at_end()) return damaged(origin, "its problem or plan holds an impossible entry");

  image.row_offsets = copy_array<int64_t>(sections[kRowOffsets]);
  image.columns = copy_array<int32_t>(sections[kColumns]);
  if (Status pattern = check_csr(image.m, image.k, image.row_offsets, image.columns); !pattern)
    return damaged(origin, "its pattern is wrong: " + pattern.error().message);
  image.segments = copy_array<Segment>(sections[kSegments]);
  auto next = image.segments.begin() + static_cast<ptrdiff_t>(own_segments);
  for (Variant& variant : image.variants) {
    const auto first = next;
    next += static_cast<ptrdiff_t>(variant.segments.size());
    std::copy(first, next, variant.segments.begin());
  }
  image.segments.resize(own_segments);
  image.value_sources = copy_array<ValueSource>(sections[kValueSources]);
  image.code = copy_array<uint8_t>(sections[kCode]);
  image.indices = copy_array<uint8_t>(sections[kIndices]);
  image.values = copy_array<float>(sections[kValues]);
  if (const std::string what = check_segments(image, image.plan.chosen, image.segments); !what.empty())
    return damaged(origin, what);
  for (const Variant& variant : image.variants) {
    if (const std::string what = check_segments(image, variant.schedule, variant.segments); !what.empty())
      return damaged(origin, "in code for at most " + std::to_string(variant.most_columns) + " columns " + what);
  }
  if (const std::string what = check_value_sources(image); !what.empty()) return damaged(origin, what);
  if (const std::string what = check_compact_streams(image); !what.empty()) return damaged(origin, what);
  return image;
}

Result<KernelImage> deserialize(std::string_view bytes, const std::string& origin) {
  using namespace image_format;
  Result<Header> header = parse_header(bytes, origin, true);
  if (!header) return header.error();
  const auto file_bytes = static_cast<size_t>(header->summary.file_bytes);
  if (bytes.size() == file_bytes) {  // parse_body says what is wrong when it isn't
    Checksum stored;
    std::memcpy(&stored, bytes.data() + kChecksumAt, sizeof stored);
    if (stored != file_checksum(bytes)) return damaged(origin, "its checksum doesn't match");
  }
  return parse_body(bytes, origin);
}

}  // namespace sparsmith
