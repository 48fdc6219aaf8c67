#include "runtime/target.h"

#include <algorithm>

namespace sparsmith {
namespace {

constexpr std::string_view kExpected =
    "use host, x86-64-v3 or x86-64-v4, then any of ,+feature or ,-feature in LLVM's names, as in "
    "x86-64-v4,+avx512vnni; "
    "features alone change host";

bool has_all(const CpuFeatures& set, const CpuFeatures& wanted) { return (set & wanted) == wanted; }

const CpuFeatures& avx2_needs() {
  static const CpuFeatures set = features_of({"avx2", "fma"});
  return set;
}

const CpuFeatures& avx512_needs() {
  static const CpuFeatures set = features_of({"avx512f", "avx512vl", "avx512bw", "avx512dq"});
  return set;
}

// The one text of a set that is closed under implication: the highest level, then what it has less, then what more.
std::string canonical_text(const CpuFeatures& set) {
  const bool v4 = has_all(set, x86_64_v4());
  const CpuFeatures& level = v4 ? x86_64_v4() : x86_64_v3();
  std::vector<std::string> changes;
  for (size_t i = 0; i < feature_count(); ++i)
    if (set[i] != level[i]) changes.push_back((set[i] ? ",+" : ",-") + std::string(feature_name(i)));
  std::sort(changes.begin(), changes.end(),
            [](const std::string& a, const std::string& b) { return a[1] != b[1] ? a[1] == '-' : a < b; });
  std::string text = v4 ? "x86-64-v4" : "x86-64-v3";
  for (const std::string& change : changes) text += change;
  return text;
}

std::string quoted(std::string_view text) {
  // Target texts come from files too: keep messages short and printable.
  std::string out = "'";
  for (const char c : text.substr(0, 80)) out += c >= ' ' && c <= '~' ? c : '?';
  return out + (text.size() > 80 ? "...'" : "'");
}

Result<CpuFeatures> parse_features(std::string_view text) {
  std::string_view rest = text;
  const auto take_part = [&rest] {
    const size_t comma = rest.find(',');
    const std::string_view part = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    return part;
  };

  CpuFeatures set;
  const bool ends_in_comma = text.ends_with(',');
  const bool features_alone = text.starts_with('+') || text.starts_with('-');
  const std::string_view base = features_alone ? "host" : take_part();
  if (base == "x86-64-v3") {
    set = x86_64_v3();
  } else if (base == "x86-64-v4") {
    set = x86_64_v4();
  } else if (base == "host") {
    Result<std::string> host = target_text_for(host_features());
    if (!host) return host.error();
    Result<CpuFeatures> parsed = parse_features(*host);
    if (!parsed) return parsed.error();
    set = *parsed;
  } else if (base.starts_with("nvptx")) {
    return unsuitable("target " + quoted(text) + " asks for a GPU, and GPU targets are not available in this version",
                      std::string(kExpected));
  } else {
    return bad_input("unknown target " + quoted(base), std::string(kExpected));
  }

  while (!rest.empty()) {
    const std::string_view part = take_part();
    if (part.size() < 2 || (part[0] != '+' && part[0] != '-'))
      return bad_input("target " + quoted(text) + ": expected +feature or -feature, found " + quoted(part),
                       std::string(kExpected));
    const auto feature = find_feature(part.substr(1));
    if (!feature) {
      std::string known;
      for (size_t i = 0; i < feature_count(); ++i) known.append(i ? " " : "").append(feature_name(i));
      return bad_input("target " + quoted(text) + ": unknown CPU feature " + quoted(part.substr(1)),
                       "known features: " + known);
    }
    set = part[0] == '+' ? with_feature(set, *feature) : without_feature(set, *feature);
  }
  if (ends_in_comma)
    return bad_input("target " + quoted(text) + ": expected +feature or -feature after the last comma",
                     std::string(kExpected));
  if (!has_all(set, avx2_needs()))
    return bad_input("target " + quoted(text) + " leaves out AVX2 or FMA, without which no kernel can be made",
                     "keep avx2 and fma and everything they build on (avx, sse4.2, sse4.1, ssse3, sse3)");
  return set;
}

std::vector<std::string> sorted_names(const CpuFeatures& set) {
  std::vector<std::string> names;
  for (size_t i = 0; i < feature_count(); ++i)
    if (set[i]) names.emplace_back(feature_name(i));
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Result<std::string> target_text_for(const CpuFeatures& cpu) {
  if (!has_all(cpu, avx2_needs()))
    return unsuitable("this CPU has neither AVX-512 nor AVX2 with FMA, so generated code can't run on it",
                      "compile for another machine with the target x86-64-v3 or x86-64-v4");
  if (has_all(cpu, avx512_needs())) return canonical_text(cpu);
  CpuFeatures set = cpu;
  if (const auto avx512 = find_feature("avx512f")) set = without_feature(set, *avx512);
  return canonical_text(set);
}

std::string first_missing(const std::vector<std::string>& wanted, const CpuFeatures& cpu) {
  size_t first = feature_count();
  for (const std::string& name : wanted) {
    const auto position = find_feature(name);
    if (!position) return name;
    if (!cpu[*position]) first = std::min(first, *position);
  }
  return first == feature_count() ? std::string() : std::string(feature_name(first));
}

Result<Target> Target::parse(std::string_view text) {
  Result<CpuFeatures> set = parse_features(text);
  if (!set) return set.error();
  Target target;
  target.isa_ = has_all(*set, avx512_needs()) ? Isa::avx512 : Isa::avx2;
  target.features_ = sorted_names(*set);
  return target;
}

std::string Target::to_string() const {
  CpuFeatures set;
  for (const std::string& name : features_)
    if (const auto position = find_feature(name)) set.set(*position);
  return canonical_text(set);
}

std::string Target::missing_on_host() const { return first_missing(features_, host_features()); }

}  // namespace sparsmith
