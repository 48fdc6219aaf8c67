// The page of `explain --html` for a whole model.
#include <algorithm>
#include <map>

#include "cli/html_parts.h"
#include "cli/model_report.h"
#include "cli/report.h"

namespace sparsmith::cli {
namespace {

constexpr int64_t kPictureSide = 160;

/// Colours that are told apart on white and on black: of the kernels' forms, then of everything else.
const char* colour_of(const std::string& kind) {
  static const std::map<std::string, const char*> colours{
      {"sparse", "#c2571a"},    {"compact", "#d98a3d"},   {"vector", "#e0b04c"},
      {"dense", "#4f7cac"},     {"depthwise", "#6aa6a0"}, {"convert", "#8d8d97"},
      {"in strips", "#7fa35b"}, {"by pixels", "#b0a04a"}, {"reference path", "#a65b8d"}};
  const auto found = colours.find(kind);
  return found == colours.end() ? "#999999" : found->second;
}

/// What a step takes: measured, or predicted of layers.
double time_of(const ModelReport& report, const StepReport& step) {
  if (report.measured) return step.measured_ns;
  if (step.step.kernel < 0) return 0;
  const Candidate* chosen = chosen_candidate(report.layers[static_cast<size_t>(step.step.kernel)].kernel->plan());
  return chosen != nullptr ? chosen->predicted_ns : 0;
}

std::string micros(double ns) { return ns > 0 ? format("%.1f", ns / 1e3) : std::string("&ndash;"); }

std::string timeline(const ModelReport& report) {
  constexpr double kWidth = 1000;
  constexpr int kTop = 4, kTall = 46, kHeight = 72;
  double all = 0;
  std::map<std::string, double> by_kind;
  for (const StepReport& step : report.steps) {
    all += time_of(report, step);
    by_kind[step.step.kind] += time_of(report, step);
  }
  if (all <= 0) return "<p class=\"note\">No step of this model takes a noticeable time.</p>";
  std::string svg = format("<svg viewBox=\"0 0 %.0f %d\" role=\"img\" aria-label=\"where the time of a call goes\">",
                           kWidth, kHeight);
  double at = 0;
  for (const StepReport& step : report.steps) {
    const double ns = time_of(report, step);
    if (ns <= 0) continue;
    const double wide = kWidth * ns / all;
    // A hair of space between neighbours, where they are wide enough to show it.
    svg += format(
        "<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" style=\"fill:%s\"><title>%s, %s: %s us, %.1f "
        "%%</title></rect>",
        kWidth * at / all, kTop, std::max(0.1, wide > 2 ? wide - 0.6 : wide), kTall, colour_of(step.step.kind),
        html_escape(step.step.layer).c_str(), html_escape(step.step.kind).c_str(), micros(ns).c_str(), 100 * ns / all);
    at += ns;
  }
  constexpr int kTicks = 5;
  for (int tick = 0; tick <= kTicks; ++tick) {
    const char* anchor = tick == 0 ? "start" : tick == kTicks ? "end" : "middle";
    svg += format("<text x=\"%.0f\" y=\"%d\" text-anchor=\"%s\">%s</text>", kWidth * tick / kTicks, kHeight - 4, anchor,
                  human_time(all * tick / kTicks).c_str());
  }
  svg += "</svg>\n<div class=\"legend\">";
  std::vector<std::pair<std::string, double>> kinds(by_kind.begin(), by_kind.end());
  std::ranges::sort(kinds, [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const auto& [kind, ns] : kinds) {
    if (ns <= 0) continue;
    svg += format("<span><i style=\"background:%s\"></i>%s: %s, %.1f %%</span>", colour_of(kind),
                  html_escape(kind).c_str(), human_time(ns).c_str(), 100 * ns / all);
  }
  return svg + "</div>\n";
}

std::string table(const ModelReport& report) {
  double slowest = 1e-9;
  for (const StepReport& step : report.steps) slowest = std::max(slowest, time_of(report, step));
  std::string text =
      "<table><tr><th>layer</th><th>op</th><th>M &times; K &times; positions</th><th class=\"n\">density</th>"
      "<th>pattern</th><th class=\"n\">sparse &micro;s</th><th class=\"n\">dense &micro;s</th>"
      "<th class=\"n\">break-even</th><th class=\"n\">measured "
      "&micro;s</th><th></th><th>computed</th><th>why</th></tr>\n";
  for (const StepReport& step : report.steps) {
    if (!is_shown(report, step)) continue;
    text += "<tr><td>" + html_escape(step.step.layer) + "</td><td>" + html_escape(step.step.op) + "</td>";
    std::string computed = html_escape(step.step.kind), why;
    if (step.step.kernel < 0) {
      if (step.step.detail != step.step.op) computed += ": " + html_escape(step.step.detail);
      text += "<td></td><td></td><td></td><td></td><td></td><td></td>";
    } else {
      const LayerReport& layer = report.layers[static_cast<size_t>(step.step.kernel)];
      const Plan& plan = layer.kernel->plan();
      const std::string even = layer.break_even ? format("%.1f %%", 100 * *layer.break_even) : "&ndash;";
      text += format("<td>%s &times; %s &times; %s</td><td class=\"n\">%.1f %%</td><td>%s</td><td class=\"n\">%s</td>",
                     grouped(plan.m).c_str(), grouped(plan.k).c_str(), grouped(plan.n).c_str(),
                     100 * layer.pattern.density(), layer.pattern_class.c_str(), micros(layer.times.sparse_ns).c_str());
      text +=
          format("<td class=\"n\">%s</td><td class=\"n\">%s</td>", micros(layer.times.dense_ns).c_str(), even.c_str());
      computed = html_escape(step.step.detail);
      why = html_escape(plan.reason);
    }
    text +=
        format("<td class=\"n\">%s</td><td><span class=\"bar\" style=\"width:%.0fpx;background:%s\"></span></td>",
               micros(step.measured_ns).c_str(), 1 + 79 * time_of(report, step) / slowest, colour_of(step.step.kind));
    text += "<td>" + computed + "</td><td class=\"why\">" + why + "</td></tr>\n";
  }
  return text + "</table>";
}

std::string pictures(const ModelReport& report) {
  std::string text = "<div class=\"tiles\">\n";
  for (const StepReport& step : report.steps) {
    if (step.step.kernel < 0) continue;
    const LayerReport& layer = report.layers[static_cast<size_t>(step.step.kernel)];
    const std::string name = html_escape(step.step.layer);
    text += "<figure class=\"card\"><h2>" + name + "</h2><img alt=\"where the nonzeros of " + name + " are\" src=\"";
    text += picture(layer.pattern, kPictureSide) + "\"><figcaption>";
    text +=
        format("%s &times; %s, %.1f %% zeros, %s", grouped(layer.pattern.rows()).c_str(),
               grouped(layer.pattern.cols()).c_str(), 100 * (1 - layer.pattern.density()), layer.pattern_class.c_str());
    text += "</figcaption></figure>\n";
  }
  return text + "</div>\n";
}

}  // namespace

std::string report_html(const ModelReport& report) {
  const std::string name = html_escape(report.file);
  int64_t weights = 0, nonzeros = 0, code = 0;
  for (const LayerReport& layer : report.layers) {
    weights += layer.pattern.rows() * layer.pattern.cols();
    nonzeros += layer.pattern.nnz();
    code += layer.kernel->report().code_bytes;
  }
  std::string page = page_head(name);
  page += "<h1>" + name + "</h1>\n";
  page += format("<p class=\"lead\">%zu layers for %s</p>\n<div class=\"facts\">\n", report.layers.size(),
                 html_escape(report.model.target()).c_str());
  if (report.measured) {
    page += html_fact(human_time(report.call_ns),
                      format("a call at batch 1, %d thread%s", report.threads, report.threads > 1 ? "s" : ""));
  }
  page += html_fact(human_time(report.predicted_ns()), "predicted for its layers");
  page += html_fact(human_time(report.predicted_dense_ns()), "if all were dense");
  page += html_fact(grouped(nonzeros), "nonzeros of " + grouped(weights) + " weights");
  page += html_fact(human_bytes(code), "code");
  page += html_fact(human_bytes(report.memory.activation_bytes),
                    "activations, of " + human_bytes(report.memory.unshared_bytes) + " without reuse");
  page += "</div>\n<div class=\"card\"><h2>Where the time goes</h2>" + timeline(report) + "<p class=\"note\">";
  page += report.measured ? "The steps of a call in their order, measured one by one on random inputs."
                          : "Layers in their order, as predicted; --measure times every step.";
  page += "</p></div>\n<div class=\"card\"><h2>Layers</h2><div class=\"scroll\">" + table(report);
  page +=
      "</div>\n<p class=\"note\">Sparse and dense are the cost model's predictions for the best schedule of each kind; "
      "break-even is the density at which they would be equal.</p></div>\n";
  return page + "<h2 style=\"margin-top:1.6rem\">Patterns</h2>\n" + pictures(report) + "</main></body></html>\n";
}

}  // namespace sparsmith::cli
