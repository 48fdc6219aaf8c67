#include "cache/machine_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "sparsmith/pattern.h"

namespace sparsmith {
namespace {

constexpr std::string_view kTitle = "sparsmith machine costs 1";
constexpr std::string_view kSum = "sum ";
constexpr double kMostNs = 1e6;
constexpr size_t kMostCosts = 100, kMostName = 40, kMostCpu = 200;

const char* isa_name(Isa isa) { return isa == Isa::avx512 ? "avx512" : "avx2"; }

void append_number(std::string& text, std::string_view name, double value) {
  char line[96];
  std::snprintf(line, sizeof line, "%.*s %.17g\n", static_cast<int>(name.size()), name.data(), value);
  text += line;
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kMostName &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 127; });
}

// Takes the next line off; empty where there is none.
std::string_view next_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// A cost: finite, not negative, no more than anything takes.
bool parse_cost(std::string_view text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= 0 && value <= kMostNs;
}

}  // namespace

std::string machine_text(const MachineCosts& costs) {
  std::string text = std::string(kTitle) + "\ncpu " + costs.cpu + "\nisa " + isa_name(costs.isa) + "\n";
  append_number(text, "error", costs.error);
  for (const auto& [name, ns] : costs.ns) append_number(text, name, ns);
  return text + std::string(kSum) + digest_of(text.data(), text.size()).hex() + "\n";
}

Result<MachineCosts> parse_machine_text(std::string_view text, const std::string& path) {
  const auto wrong = [&](const std::string& what) {
    return bad_input(path + " " + what, "measure anew with `sparsmith calibrate`, or remove the file");
  };
  if (text.size() > static_cast<size_t>(kMaxMachineBytes)) return wrong("is too large for a file of machine costs");
  if (!text.starts_with(kTitle)) return wrong("is not a file of machine costs");
  const size_t sum = text.rfind(kSum);
  if (sum == std::string_view::npos || sum == 0 || text[sum - 1] != '\n' ||
      text.substr(sum) != std::string(kSum) + digest_of(text.data(), sum).hex() + "\n") {
    return wrong("is damaged: its digest is not that of its content");
  }

  MachineCosts costs;
  std::string_view rest = text.substr(0, sum);
  if (next_line(rest) != kTitle) return wrong("is of another format");
  const std::string_view cpu = next_line(rest), isa = next_line(rest), error = next_line(rest);
  if (!cpu.starts_with("cpu ") || cpu.size() > kMostCpu || !is_printable(cpu)) return wrong("names no CPU");
  costs.cpu = cpu.substr(4);
  if (isa != "isa avx512" && isa != "isa avx2") return wrong("names no instruction set");
  costs.isa = isa == "isa avx512" ? Isa::avx512 : Isa::avx2;
  if (!error.starts_with("error ") || !parse_cost(error.substr(6), costs.error))
    return wrong("has no error of the fit");
  while (!rest.empty()) {
    const std::string_view line = next_line(rest);
    const size_t space = line.find(' ');
    const std::string_view name = line.substr(0, space);
    double ns = 0;
    if (space == std::string_view::npos || !is_name(name) || !parse_cost(line.substr(space + 1), ns)) {
      return wrong("has a line that is not a name and a cost in nanoseconds");
    }
    if (costs.ns.size() == kMostCosts) return wrong("has too many costs");
    if (!costs.ns.empty() && costs.ns.back().first >= name) return wrong("has costs twice or out of order");
    costs.ns.emplace_back(name, ns);
  }
  if (costs.ns.empty()) return wrong("has no costs");
  return costs;
}

std::string machine_file_name(const std::string& cpu, Isa isa) {
  return std::string("machine-") + isa_name(isa) + "-" + digest_of(cpu.data(), cpu.size()).hex().substr(0, 16) + ".txt";
}

}  // namespace sparsmith
