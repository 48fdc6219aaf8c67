#include "cli/html.h"

#include <algorithm>
#include <cinttypes>

#include "cli/html_parts.h"
#include "cli/report.h"

namespace sparsmith::cli {
namespace {

// A pattern wider or taller than this is shown by the density of the cells that fall on each picture element.
constexpr int64_t kPictureSide = 640;

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
        best ? " class=\"best\"" : "", html_escape(candidate.schedule.describe()).c_str(),
        time_cell(candidate.predicted_ns).c_str(), time_cell(candidate.measured_ns).c_str(),
        1 + 99 * cost(candidate) / slowest, grouped(candidate.code_bytes).c_str(), html_escape(candidate.note).c_str());
  }
  return table + "</table>";
}

}  // namespace

std::string html_page(const std::string& title, const Pattern& pattern, const Plan& plan) {
  const PatternStats stats = pattern_stats(pattern);
  const std::string name = html_escape(title);
  std::string page = page_head(name);
  page += format("<h1>%s</h1>\n", name.c_str());
  page += format("<p class=\"lead\">Y[%s, %s] = W &times; X[%s, %s], for %s</p>\n", grouped(plan.m).c_str(),
                 grouped(plan.n).c_str(), grouped(plan.k).c_str(), grouped(plan.n).c_str(),
                 html_escape(plan.target).c_str());
  if (!plan.reason.empty()) page += format("<p class=\"why\">%s</p>\n", html_escape(plan.reason).c_str());

  page += "<div class=\"facts\">\n" +
          html_fact(grouped(stats.rows) + " &times; " + grouped(stats.cols), "rows &times; columns");
  page += html_fact(grouped(stats.nnz), "nonzeros") + html_fact(format("%.1f %%", 100 * (1 - stats.density)), "zeros");
  page += html_fact(format("%.1f &plusmn; %.1f", stats.row_mean, stats.row_stddev), "nonzeros a row");
  page += html_fact(grouped(stats.row_min) + " &ndash; " + grouped(stats.row_max), "lightest and heaviest row");
  page += html_fact(grouped(stats.empty_rows) + " / " + grouped(stats.empty_cols), "empty rows / columns") + "</div>\n";

  const bool reduced = pattern.rows() > kPictureSide || pattern.cols() > kPictureSide;
  page += "<div class=\"two\"><div><figure class=\"card\"><h2>Pattern</h2><img alt=\"where the nonzeros are\" src=\"";
  page +=
      picture(pattern, kPictureSide) + "\"><figcaption>" +
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
