// The table of `explain` for a whole model.
#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdio>

#include "cli/model_options.h"
#include "cli/model_report.h"
#include "cli/report.h"

namespace sparsmith::cli {
namespace {

std::string micros(double ns) { return ns > 0 ? format("%.1f", ns / 1e3) : std::string("-"); }

std::string percent(double share) { return format("%.1f", 100 * share); }

std::string break_even_text(const std::optional<double>& density) {
  if (!density) return "-";
  return *density >= 1 ? "100" : percent(*density);
}

std::string shape_of(const Kernel& kernel) {
  return format("%" PRId64 "x%" PRId64 "x%" PRId64, kernel.m(), kernel.k(), kernel.plan().n);
}

/// Cut in the middle: both ends of a long name tell it apart.
std::string shortened(const std::string& name, size_t most) {
  if (name.size() <= most) return name;
  const size_t tail = (most - 2) / 2;
  return name.substr(0, most - 2 - tail) + ".." + name.substr(name.size() - tail);
}

/// Rows of texts as aligned columns: those named in `left` to the left, others to the right.
void print_columns(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& left) {
  std::vector<size_t> widths(left.size());
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string padding(widths[c] - row[c].size(), ' ');
      line += (c > 0 ? "  " : "") + (left[c] ? row[c] + padding : padding + row[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    std::printf("%s\n", line.c_str());
  }
}

void print_whys(const ModelReport& report) {
  std::printf("\nwhy:\n");
  for (const StepReport& step : report.steps) {
    if (step.step.kernel < 0) continue;
    const Plan& plan = report.layers[static_cast<size_t>(step.step.kernel)].kernel->plan();
    std::printf("  %s: %s\n", printable(step.step.layer).c_str(), plan.reason.c_str());
  }
}

void print_totals(const ModelReport& report) {
  std::printf("\nlayers: %s predicted, %s if all were dense", human_time(report.predicted_ns()).c_str(),
              human_time(report.predicted_dense_ns()).c_str());
  if (!report.measured) {
    std::printf("\n");
  } else {
    const double layers = report.measured_ns(true), all = report.measured_ns(false);
    std::printf(", %s measured\neverything else: %s measured\n", human_time(layers).c_str(),
                human_time(all - layers).c_str());
    std::printf("a call: %s at batch 1 on %d thread%s, random inputs\n", human_time(report.call_ns).c_str(),
                report.threads, report.threads > 1 ? "s" : "");
  }
  std::printf("activations: %s, of %s without reuse\n", human_bytes(report.memory.activation_bytes).c_str(),
              human_bytes(report.memory.unshared_bytes).c_str());
}

}  // namespace

void print_report(const ModelReport& report) {
  std::printf("%s: %zu layers, target %s\n", report.file.c_str(), report.layers.size(), report.model.target().c_str());
  for (const TensorInfo& info : report.model.inputs()) {
    std::printf("takes %s: %s\n", printable(info.name).c_str(), describe(info).c_str());
  }
  for (const TensorInfo& info : report.model.outputs()) {
    std::printf("gives %s: %s\n", printable(info.name).c_str(), describe(info).c_str());
  }
  std::printf("\n");
  bool tuned = false;
  for (const LayerReport& layer : report.layers) tuned |= layer.kernel->plan().tuned;

  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> head{"layer",   "op",        "M x K x positions", "density %",
                                "pattern", "sparse us", "dense us",          "break-even %"};
  std::vector<bool> left{true, true, true, false, true, false, false, false};
  if (tuned) {
    head.insert(head.end(), {"tuned sparse", "tuned dense"});
    left.insert(left.end(), {false, false});
  }
  head.insert(head.end(), {"measured us", "chosen"});
  left.insert(left.end(), {false, true});
  rows.push_back(head);
  size_t hidden = 0;
  for (const StepReport& step : report.steps) {
    if (!is_shown(report, step)) {
      ++hidden;
      continue;
    }
    std::vector<std::string> row{shortened(printable(step.step.layer), 36), step.step.op};
    if (step.step.kernel < 0) {
      row.resize(head.size() - 2);
      row.push_back(micros(step.measured_ns));
      row.push_back(step.step.kind + (step.step.detail == step.step.op ? "" : ": " + step.step.detail));
    } else {
      const LayerReport& layer = report.layers[static_cast<size_t>(step.step.kernel)];
      row.insert(row.end(),
                 {shape_of(*layer.kernel), percent(layer.pattern.density()), layer.pattern_class,
                  micros(layer.times.sparse_ns), micros(layer.times.dense_ns), break_even_text(layer.break_even)});
      if (tuned) {
        row.push_back(micros(layer.times.sparse_measured_ns));
        row.push_back(micros(layer.times.dense_measured_ns));
      }
      row.push_back(micros(step.measured_ns));
      row.push_back(step.step.detail);
    }
    rows.push_back(std::move(row));
  }
  print_columns(rows, left);
  if (hidden > 0) std::printf("and %zu steps that only pass values on\n", hidden);
  print_whys(report);
  print_totals(report);
}

}  // namespace sparsmith::cli
