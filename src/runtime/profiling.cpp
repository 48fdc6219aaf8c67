#include "runtime/profiling.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace sparsmith {
namespace {

bool asked_for(const char* variable, std::initializer_list<std::string_view> values) {
  const char* text = std::getenv(variable);
  std::string_view rest = text ? text : "";
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    if (std::find(values.begin(), values.end(), rest.substr(0, comma)) != values.end()) return true;
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return false;
}

}  // namespace

std::vector<CodeRange> code_ranges(const KernelImage& image, const uint8_t* base, size_t code_bytes) {
  std::vector<std::pair<size_t, std::string>> starts;
  const auto add = [&](const std::string& symbol, const std::vector<Segment>& segments) {
    for (const Segment& segment : segments) {
      const std::string name = symbol + "_t" + std::to_string(segment.tile) + "_k" + std::to_string(segment.k_block);
      starts.emplace_back(segment.main_offset, name);
      if (segment.single_offset != segment.main_offset) starts.emplace_back(segment.single_offset, name + "_single");
    }
  };
  add(image.symbol, image.segments);
  for (const Variant& variant : image.variants) {
    add(image.symbol + "_n" + std::to_string(variant.most_columns), variant.segments);
  }
  std::stable_sort(starts.begin(), starts.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  // Segments may share code: the first one names it.
  starts.erase(
      std::unique(starts.begin(), starts.end(), [](const auto& a, const auto& b) { return a.first == b.first; }),
      starts.end());
  if (starts.empty() || starts.front().first > 0) starts.insert(starts.begin(), {0, image.symbol});

  std::vector<CodeRange> ranges;
  for (size_t i = 0; i < starts.size() && starts[i].first < code_bytes; ++i) {
    const size_t end = i + 1 < starts.size() ? std::min(starts[i + 1].first, code_bytes) : code_bytes;
    ranges.push_back({base + starts[i].first, end - starts[i].first, std::move(starts[i].second)});
  }
  return ranges;
}

void append_perf_map(std::span<const CodeRange> ranges) {
  std::string lines;
  for (const CodeRange& range : ranges) {
    char numbers[48];
    std::snprintf(numbers, sizeof numbers, "%zx %zx ", reinterpret_cast<uintptr_t>(range.begin), range.size);
    lines.append(numbers).append(range.name).append("\n");
  }
  // The name is perf's, in a directory anyone may write to: links are not followed. One write keeps threads' lines
  // apart.
  const std::string path = "/tmp/perf-" + std::to_string(getpid()) + ".map";
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  const bool written = file >= 0 && write(file, lines.data(), lines.size()) == static_cast<ssize_t>(lines.size());
  if (file >= 0) close(file);
  static std::atomic<bool> warned{false};
  if (!written && !warned.exchange(true))
    std::fprintf(stderr, "sparsmith: can't write the perf map %s\n", path.c_str());
}

void announce_code(const KernelImage& image, const uint8_t* base, size_t code_bytes) {
  const bool map = asked_for("SPARSMITH_PERF", {"1", "map"});
  const bool jitdump = asked_for("SPARSMITH_PERF", {"jitdump"});
  const bool gdb = asked_for("SPARSMITH_GDB", {"1"});
  if (!map && !jitdump && !gdb) return;
  const std::vector<CodeRange> ranges = code_ranges(image, base, code_bytes);
  if (map) append_perf_map(ranges);
  if (jitdump) append_jitdump(ranges);
  if (gdb) register_with_gdb(ranges, base, code_bytes);
}

void retract_code(const uint8_t* base) { unregister_from_gdb(base); }

}  // namespace sparsmith
