#include "cli/html.h"

#include <algorithm>
#include <cinttypes>
#include <vector>

#include "cli/png.h"
#include "cli/report.h"

namespace sparsmith::cli {
namespace {

// A pattern wider or taller than this is shown by the density of the cells that fall on each picture element.
constexpr int64_t kPictureSide = 640;

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --ink: #1c2430; --soft: #64707f; --line: #dde2e8; --paper: #f6f7f9; --card: #fff;
  --accent: #c2571a; --bar: #e9b08c; --best: #fdf1e8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #97a2b0; --line: #313a46; --paper: #14181e;
  --card: #1c222a; --accent: #f08a4b; --bar: #7d4a2b; --best: #2b221c; } }
* { box-sizing: border-box }
body { margin: 0; padding: 2.5rem 1.5rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1080px; margin: 0 auto }
h1 { font-size: 1.6rem; margin: 0; overflow-wrap: anywhere } h2 { font-size: 1rem; margin: 0 0 .8rem }
.lead { color: var(--soft); margin: .3rem 0 1.5rem }
.why { border-left: 3px solid var(--accent); padding: .2rem 0 .2rem 1rem; margin: 0 0 1.5rem; font-size: 1.05rem }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 1rem; margin-bottom: 1rem }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1.1rem }
.facts b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums } .facts span { color: var(--soft) }
.two { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 1rem; margin-bottom: 1rem }
.two > div { display: grid; gap: 1rem; align-content: start }
@media (max-width: 760px) { .two { grid-template-columns: 1fr } }
img { width: 100%; image-rendering: pixelated; border-radius: 4px; display: block; max-height: 760px; object-fit: contain }
figcaption, .note { color: var(--soft); font-size: .86rem; margin-top: .6rem } figure { margin: 0 }
svg { width: 100%; height: auto; display: block } svg rect { fill: var(--accent) } svg line { stroke: var(--line) }
svg text { fill: var(--soft); font-size: 11px }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: .9rem }
th { text-align: left; color: var(--soft); font-weight: 600; white-space: nowrap } td.n, th.n { text-align: right }
th, td { padding: .4rem .7rem; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums }
tr.best { background: var(--best) } tr.best td:first-child { font-weight: 600 }
.bar { display: inline-block; height: .55rem; background: var(--bar); border-radius: 2px; vertical-align: middle }
tr.best .bar { background: var(--accent) }
)";

std::string escape(const std::string& text) {
  std::string safe;
  for (char c : text) switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe += c;
    }
  return safe;
}

std::string grouped(int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

// Nonzeros counted by picture element, then shown on a scale whose full colour is the densest element.
std::string picture(const Pattern& pattern) {
  const int64_t width = std::min(pattern.cols(), kPictureSide), height = std::min(pattern.rows(), kPictureSide);
  std::vector<int64_t> counts(static_cast<size_t>(width * height));
  const auto offsets = pattern.row_offsets();
  const auto columns = pattern.columns();
  for (int64_t row = 0; row < pattern.rows(); ++row) {
    int64_t* line = counts.data() + row * height / pattern.rows() * width;
    for (int64_t i = offsets[static_cast<size_t>(row)]; i < offsets[static_cast<size_t>(row) + 1]; ++i)
      ++line[columns[static_cast<size_t>(i)] * width / pattern.cols()];
  }
  constexpr int kShades = 64;
  constexpr Colour kEmpty{250, 248, 245}, kFull{150, 56, 8};
  std::vector<Colour> palette;
  for (int shade = 0; shade < kShades; ++shade) {
    Colour colour{};
    for (size_t part = 0; part < 3; ++part)
      colour[part] = static_cast<uint8_t>(kEmpty[part] + (kFull[part] - kEmpty[part]) * shade / (kShades - 1));
    palette.push_back(colour);
  }
  const int64_t most = std::max<int64_t>(1, *std::ranges::max_element(counts));
  std::vector<uint8_t> indices;
  indices.reserve(counts.size());
  // A lone nonzero among many cells must stay visible, so the scale starts well above empty.
  for (int64_t count : counts)
    indices.push_back(static_cast<uint8_t>(count == 0 ? 0 : 10 + (kShades - 11) * count / most));
  return png_data_uri(encode_png(static_cast<int>(width), static_cast<int>(height), indices, palette));
}

std::string histogram(const std::array<int64_t, PatternStats::kBins>& bins, int64_t most_nonzeros, const char* what) {
  constexpr int kWidth = 380, kHeight = 130, kBase = 108, kStep = kWidth / PatternStats::kBins;
  const int64_t most = std::max<int64_t>(1, *std::ranges::max_element(bins));
  std::string svg =
      format("<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s by nonzeros\">", kWidth, kHeight, what);
  for (int bin = 0; bin < PatternStats::kBins; ++bin) {
    const int64_t count = bins[static_cast<size_t>(bin)];
    const double tall = 92.0 * static_cast<double>(count) / static_cast<double>(most);
    const auto low = static_cast<double>(most_nonzeros) * bin / PatternStats::kBins;
    const auto high = static_cast<double>(most_nonzeros) * (bin + 1) / PatternStats::kBins;
    svg +=
        format("<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"><title>%s %s with %.0f to %.0f</title></rect>",
               bin * kStep + 1, kBase - tall, kStep - 2, tall, grouped(count).c_str(), what, low, high);
  }
  svg += format("<line x1=\"0\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>", kBase, kWidth, kBase);
  svg += format("<text x=\"0\" y=\"%d\">0</text>", kBase + 16);
  svg += format("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s nonzeros</text>", kStep * PatternStats::kBins,
                kBase + 16, grouped(most_nonzeros).c_str());
  svg += format("<text x=\"0\" y=\"11\">up to %s %s</text></svg>", grouped(most).c_str(), what);
  return svg;
}

std::string fact(const std::string& number, const char* what) {
  return "<div class=\"card\"><b>" + number + "</b><span>" + what + "</span></div>\n";
}

std::string time_cell(double ns) { return ns > 0 ? format("%.1f", ns / 1e3) : std::string("&ndash;"); }

std::string plan_table(const Plan& plan) {
  // Bars follow what the choice was made by.
  const auto cost = [&](const Candidate& c) {
    return plan.tuned && c.measured_ns > 0 ? c.measured_ns : c.predicted_ns;
  };
  double slowest = 1e-9;
  for (const Candidate& candidate : plan.candidates) slowest = std::max(slowest, cost(candidate));
  std::string table =
      "<table><tr><th>schedule</th><th class=\"n\">predicted &micro;s</th><th class=\"n\">measured "
      "&micro;s</th><th></th>"
      "<th class=\"n\">code bytes</th><th></th></tr>\n";
  bool marked = false;
  for (const Candidate& candidate : plan.candidates) {
    const bool best = !marked && candidate.schedule == plan.chosen;
    marked |= best;
    table += format(
        "<tr%s><td>%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td>"
        "<td><span class=\"bar\" style=\"width:%.0fpx\"></span></td><td class=\"n\">%s</td><td>%s</td></tr>\n",
        best ? " class=\"best\"" : "", escape(candidate.schedule.describe()).c_str(),
        time_cell(candidate.predicted_ns).c_str(), time_cell(candidate.measured_ns).c_str(),
        1 + 99 * cost(candidate) / slowest, grouped(candidate.code_bytes).c_str(), escape(candidate.note).c_str());
  }
  return table + "</table>";
}

}  // namespace

std::string html_page(const std::string& title, const Pattern& pattern, const Plan& plan) {
  const PatternStats stats = pattern_stats(pattern);
  const std::string name = escape(title);
  std::string page = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n";
  page += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  page += "<title>" + name + " &middot; Sparsmith</title>\n<style>" + kStyle + "</style></head>\n<body><main>\n";
  page += format("<h1>%s</h1>\n", name.c_str());
  page +=
      format("<p class=\"lead\">Y[%s, %s] = W &times; X[%s, %s], for %s</p>\n", grouped(plan.m).c_str(),
             grouped(plan.n).c_str(), grouped(plan.k).c_str(), grouped(plan.n).c_str(), escape(plan.target).c_str());
  if (!plan.reason.empty()) page += format("<p class=\"why\">%s</p>\n", escape(plan.reason).c_str());

  page +=
      "<div class=\"facts\">\n" + fact(grouped(stats.rows) + " &times; " + grouped(stats.cols), "rows &times; columns");
  page += fact(grouped(stats.nnz), "nonzeros") + fact(format("%.1f %%", 100 * (1 - stats.density)), "zeros");
  page += fact(format("%.1f &plusmn; %.1f", stats.row_mean, stats.row_stddev), "nonzeros a row");
  page += fact(grouped(stats.row_min) + " &ndash; " + grouped(stats.row_max), "lightest and heaviest row");
  page += fact(grouped(stats.empty_rows) + " / " + grouped(stats.empty_cols), "empty rows / columns") + "</div>\n";

  const bool reduced = pattern.rows() > kPictureSide || pattern.cols() > kPictureSide;
  page += "<div class=\"two\"><div><figure class=\"card\"><h2>Pattern</h2><img alt=\"where the nonzeros are\" src=\"";
  page +=
      picture(pattern) + "\"><figcaption>" +
      (reduced ? "Rows down, columns across; darker is denser." : "Rows down, columns across; each mark is a nonzero.");
  page += "</figcaption></figure></div>\n<div><div class=\"card\"><h2>Rows by nonzeros</h2>";
  page += histogram(stats.row_histogram, stats.row_max, "rows") +
          "</div>\n<div class=\"card\"><h2>Columns by nonzeros</h2>";
  page += histogram(stats.col_histogram, stats.col_max, "columns") + "</div></div></div>\n";

  page += "<div class=\"card\"><h2>Plan</h2><div class=\"scroll\">" + plan_table(plan) + "</div>\n<p class=\"note\">";
  page += plan.tuned ? "Chosen by measurement on this machine."
                     : "Chosen by the cost model; --tune measures the best ones.";
  return page + "</p></div>\n</main></body></html>\n";
}

}  // namespace sparsmith::cli
