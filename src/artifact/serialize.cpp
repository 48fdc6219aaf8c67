#include "artifact/serialize.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "artifact/image_format.h"

namespace sparsmith {
namespace image_format {

Checksum checksum(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

Checksum file_checksum(std::string_view file) {
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  XXH3_128bits_update(&state, file.data(), kChecksumAt);
  XXH3_128bits_update(&state, file.data() + kCheckedAt, file.size() - kCheckedAt);
  const XXH128_hash_t hash = XXH3_128bits_digest(&state);
  return {hash.low64, hash.high64};
}

uint64_t header_checksum(std::string_view header) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, header.data(), kHeaderChecksumAt);
  XXH3_64bits_update(&state, header.data() + kCheckedAt, header.size() - kCheckedAt);
  return XXH3_64bits_digest(&state);
}

namespace {

void write_problem(Writer& out, const Problem& problem) {
  out.number(problem.n);
  out.enumeration(problem.n_fixed);
  out.enumeration(problem.x_layout);
  out.enumeration(problem.y_layout);
  out.number(problem.y_channels);
  const Conv2d conv = problem.conv.value_or(Conv2d{});
  out.enumeration(problem.conv.has_value());
  for (const int64_t field :
       {conv.height, conv.width, conv.stride_h, conv.stride_w, conv.kernel_h, conv.kernel_w, conv.dilation_h,
        conv.dilation_w, conv.pad_top, conv.pad_left, conv.pad_bottom, conv.pad_right, conv.groups}) {
    out.number(field);
  }
  out.enumeration(conv.order);
  const Epilogue& e = problem.epilogue;
  out.enumeration(e.accumulate);
  out.enumeration(e.row_scale);
  out.enumeration(e.bias);
  out.enumeration(e.residual);
  out.enumeration(e.activation);
  out.number(e.alpha);
  out.number(e.lo);
  out.number(e.hi);
  out.number(e.beta);
}

void write_schedule(Writer& out, const Schedule& schedule) {
  out.enumeration(schedule.form);
  out.number(schedule.tile_rows);
  out.number(schedule.panels_per_pass);
  out.number(schedule.k_block);
  out.number(schedule.n_block);
  out.enumeration(schedule.cluster_rows);
  out.enumeration(schedule.prefetch_y);
  out.enumeration(schedule.direct_x);
  out.number(schedule.tile_group);
  out.number(schedule.inner_panels);
  out.number(schedule.window_step);
  out.enumeration(schedule.prefetch_code);
  out.number(schedule.lanes);
  out.enumeration(schedule.images);
}

void write_plan(Writer& out, const Plan& plan) {
  out.number(plan.m);
  out.number(plan.k);
  out.number(plan.nnz);
  out.number(plan.n);
  out.text(plan.target);
  write_schedule(out, plan.chosen);
  out.number(static_cast<uint32_t>(plan.few.size()));
  for (const FewColumns& few : plan.few) {
    out.number(few.most_columns);
    write_schedule(out, few.schedule);
  }
  out.number(plan.tail_columns);
  out.enumeration(plan.tuned);
  out.text(plan.reason);
  out.number(static_cast<uint32_t>(plan.candidates.size()));
  for (const Candidate& candidate : plan.candidates) {
    write_schedule(out, candidate.schedule);
    out.number(candidate.predicted_ns);
    out.number(candidate.measured_ns);
    out.number(candidate.code_bytes);
    out.text(candidate.note);
  }
}

void write_variants(Writer& out, const KernelImage& image) {
  out.number(static_cast<uint32_t>(image.segments.size()));
  out.number(static_cast<uint32_t>(image.variants.size()));
  for (const Variant& variant : image.variants) {
    out.number(variant.most_columns);
    write_schedule(out, variant.schedule);
    out.number(static_cast<uint32_t>(variant.segments.size()));
  }
}

}  // namespace
}  // namespace image_format

std::string serialize(const KernelImage& image, std::span<const uint8_t> code, std::span<const float> values,
                      const Digest& key) {
  using namespace image_format;
  Writer meta;
  write_problem(meta, image.problem);
  write_plan(meta, image.plan);
  write_variants(meta, image);
  std::vector<Segment> segments = image.segments;
  for (const Variant& variant : image.variants) {
    segments.insert(segments.end(), variant.segments.begin(), variant.segments.end());
  }

  struct Bytes {
    const void* data;
    size_t size;
  };
  const Bytes sections[kSectionCount] = {
      {meta.bytes().data(), meta.bytes().size()},
      {image.row_offsets.data(), image.row_offsets.size() * sizeof(int64_t)},
      {image.columns.data(), image.columns.size() * sizeof(int32_t)},
      {segments.data(), segments.size() * sizeof(Segment)},
      {image.value_sources.data(), image.value_sources.size() * sizeof(ValueSource)},
      {code.data(), code.size()},
      {image.indices.data(), image.indices.size()},
      {values.data(), values.size() * sizeof(float)},
  };
  const std::string_view symbol = std::string_view(image.symbol).substr(0, kMaxNameBytes);
  const std::string_view target = std::string_view(image.target).substr(0, kMaxNameBytes);
  const uint64_t header_bytes = padded(kFixedHeaderBytes + symbol.size() + target.size());
  uint64_t file_bytes = header_bytes;
  for (const Bytes& section : sections) file_bytes += padded(section.size);

  Writer out;
  out.reserve(file_bytes);
  out.raw(kMagic.data(), kMagic.size());
  out.number(kImageFormat);
  out.number(static_cast<uint32_t>(header_bytes));
  out.number(file_bytes);
  for (int i = 0; i < 3; ++i) out.number(uint64_t{0});  // checksums, known at the end
  out.number(key.high);
  out.number(key.low);
  out.number(image.m);
  out.number(image.k);
  out.number(static_cast<int64_t>(image.columns.size()));
  for (const Bytes& section : sections) out.number(static_cast<uint64_t>(section.size));
  out.number(static_cast<uint32_t>(symbol.size()));
  out.number(static_cast<uint32_t>(target.size()));
  out.raw(symbol.data(), symbol.size());
  out.raw(target.data(), target.size());
  out.pad();
  for (const Bytes& section : sections) {
    out.raw(section.data, section.size);
    out.pad();
  }
  out.patch(kChecksumAt, file_checksum(out.bytes()));
  out.patch(kHeaderChecksumAt, header_checksum(std::string_view(out.bytes()).substr(0, header_bytes)));
  return out.take();
}

std::string serialize(const KernelImage& image, const Digest& key) {
  return serialize(image, image.code, image.values, key);
}

}  // namespace sparsmith
