#include "artifact/compact_stream.h"

#include <algorithm>
#include <cstring>

#include "pattern/x_lines.h"

namespace sparsmith {
namespace {

template <class Index>
std::string check_rows(const KernelImage& image, const Segment& segment, const CompactHeader& header, int64_t all_lines,
                       uint64_t at) {
  const auto lines = static_cast<uint64_t>(all_lines - header.first_line);
  const uint8_t* const data = image.indices.data();
  const uint64_t size = image.indices.size();
  uint64_t values = 0;
  for (int64_t r = 0; r < header.rows; ++r) {
    Index head[2];
    if (size - at < sizeof head) return "runs past the index streams";
    std::memcpy(head, data + at, sizeof head);
    at += sizeof head;
    if (head[0] >= segment.rows) return "names a row outside its tile";
    if ((size - at) / sizeof(Index) < head[1]) return "runs past the index streams";
    bool wrong = false;  // almost never: no exit from the loop
    for (uint64_t i = 0; i < head[1]; ++i) {
      Index index;
      std::memcpy(&index, data + at + i * sizeof index, sizeof index);
      wrong |= index % kIndexScale != 0 || index / kIndexScale >= lines;
    }
    if (wrong) return "names a row of X that isn't there";
    at += head[1] * sizeof(Index);
    values += head[1] + static_cast<uint64_t>(header.row_values);
  }
  if (values > image.value_sources.size() - segment.value_offset) return "streams more packed values than there are";
  return {};
}

std::string check_segments(const KernelImage& image, const Schedule& schedule, const std::vector<Segment>& segments) {
  const bool narrow = index_bytes(x_lines(image.problem, image.k, schedule.k_block)) == 2;
  const int64_t lines = x_lines(image.problem, image.k, 0);
  for (size_t i = 0; i < segments.size(); ++i) {
    const Segment& segment = segments[i];
    const std::string which = "the index stream of segment " + std::to_string(i) + " ";
    CompactHeader header;
    if (segment.index_offset % 8 != 0 || segment.index_offset > image.indices.size() ||
        image.indices.size() - segment.index_offset < sizeof header) {
      return which + "starts outside the index streams";
    }
    std::memcpy(&header, image.indices.data() + segment.index_offset, sizeof header);
    constexpr int64_t kMostRowValues = 64;
    if (header.rows < 1 || header.rows > segment.rows || header.first_row < 0 ||
        header.first_row > image.m - segment.rows || header.first_line < 0 || header.first_line >= lines ||
        header.row_values < 0 || header.row_values > kMostRowValues) {
      return which + "has an impossible header";
    }
    const uint64_t at = segment.index_offset + sizeof header;
    const std::string what = narrow ? check_rows<uint16_t>(image, segment, header, lines, at)
                                    : check_rows<uint32_t>(image, segment, header, lines, at);
    if (!what.empty()) return which + what;
  }
  return {};
}

}  // namespace

std::string check_compact_streams(const KernelImage& image) {
  std::string what;
  bool read = false;
  const auto check = [&](const Schedule& schedule, const std::vector<Segment>& segments) {
    if (schedule.form != Form::compact) return;
    read = true;
    if (what.empty()) what = check_segments(image, schedule, segments);
  };
  check(image.plan.chosen, image.segments);
  for (const Variant& variant : image.variants) check(variant.schedule, variant.segments);
  if (!read && !image.indices.empty()) return "it has index streams that no code reads";
  return what;
}

}  // namespace sparsmith
