#include "cli/bench_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/options.h"
#include "cli/report.h"

namespace sparsmith::cli {
namespace {

std::string short_name(const std::string& file) {
  constexpr size_t kMost = 40;
  std::string name = file.substr(file.find_last_of('/') == std::string::npos ? 0 : file.find_last_of('/') + 1);
  return name.size() <= kMost ? name : "..." + name.substr(name.size() - kMost + 3);
}

// Peers in the order they were first seen; each a column.
std::vector<std::string> peer_names(const std::vector<BenchRow>& rows) {
  std::vector<std::string> names;
  for (const BenchRow& row : rows)
    for (const PeerTime& peer : row.peers)
      if (std::ranges::find(names, peer.name) == names.end()) names.push_back(peer.name);
  return names;
}

std::string peer_cell(const BenchRow& row, const std::string& name) {
  const auto peer = std::ranges::find(row.peers, name, &PeerTime::name);
  return peer == row.peers.end() ? std::string("-") : format("%.1f", peer->ns_min / 1e3);
}

std::string speedup_cell(const BenchRow& row) {
  const PeerTime* dense = row.best_dense();
  return dense ? format("%.2f", dense->ns_min / row.ns_min) : std::string("-");
}

// "64@56x56 3x3 /2": input channels, image, kernel, stride; "g64" groups.
std::string shape_cell(const Conv2d& c, int64_t k, int64_t batch) {
  const auto pair = [](int64_t a, int64_t b) { return std::to_string(a) + "x" + std::to_string(b); };
  std::string text = std::to_string(c.channels(k)) + "@" + pair(c.height, c.width) + " " + pair(c.kernel_h, c.kernel_w);
  if (c.stride_h != 1 || c.stride_w != 1)
    text += " /" + (c.stride_h == c.stride_w ? std::to_string(c.stride_h) : pair(c.stride_h, c.stride_w));
  if (c.groups != 1) text += " g" + std::to_string(c.groups);
  return batch == 1 ? text : text + " b" + std::to_string(batch);
}

// As bench/peers_python.py writes it, whose rows are joined with these.
nlohmann::ordered_json conv_json(const Conv2d& c, int64_t k, int64_t batch) {
  return {{"channels", c.channels(k)},
          {"height", c.height},
          {"width", c.width},
          {"kernel", {c.kernel_h, c.kernel_w}},
          {"stride", {c.stride_h, c.stride_w}},
          {"pad", {c.pad_top, c.pad_left, c.pad_bottom, c.pad_right}},
          {"dilation", {c.dilation_h, c.dilation_w}},
          {"groups", c.groups},
          {"batch", batch},
          {"out", {c.out_height(), c.out_width()}}};
}

using Cells = std::vector<std::string>;

// Columns as wide as their widest cell; the first is text and stands left.
std::string align(const std::vector<Cells>& lines) {
  std::vector<size_t> widths(lines.front().size());
  for (const Cells& line : lines)
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  std::string text;
  for (const Cells& line : lines) {
    for (size_t i = 0; i < line.size(); ++i)
      text += format("%s%*s", i ? "  " : "", static_cast<int>(widths[i]) * (i ? 1 : -1), line[i].c_str());
    text += "\n";
  }
  return text;
}

// Over the rows of one layout: shares of peak and speedups multiply, so their means are geometric.
std::string means(const std::vector<BenchRow>& rows, Layout layout) {
  double peak = 0, dense = 0;
  int count = 0, compared = 0;
  for (const BenchRow& row : rows) {
    if (row.layout != layout || row.nnz == 0) continue;
    ++count;
    peak += std::log(row.fraction_of_peak());
    if (const PeerTime* best = row.best_dense()) {
      ++compared;
      dense += std::log(best->ns_min / row.ns_min);
    }
  }
  if (count == 0) return {};
  std::string text = format("%s: geometric mean of %d %s %.3f of FMA peak", layout_name(layout), count,
                            count == 1 ? "row" : "rows", std::exp(peak / count));
  if (compared > 0) text += format(", %.2fx the best dense", std::exp(dense / compared));
  return text + "\n";
}

}  // namespace

std::string bench_table(const std::vector<BenchRow>& rows) {
  if (rows.empty()) return {};
  const std::vector<std::string> peers = peer_names(rows);
  std::vector<Cells> lines{{"file", "M x K", "zeros", "n", "layout", rows.front().cold ? "cold us" : "us", "GFLOP/s",
                            "of peak", "of roof", "x dense", "pack us", "compile ms", "code KB", "error"}};
  const bool convolutions = std::ranges::any_of(rows, [](const BenchRow& row) { return row.conv.has_value(); });
  constexpr int kShapeColumn = 2;
  if (convolutions) lines.front().insert(lines.front().begin() + kShapeColumn, "conv");
  for (const std::string& name : peers) lines.front().push_back(name + " us");
  for (const BenchRow& row : rows) {
    const double zeros =
        100 * (1 - static_cast<double>(row.nnz) / static_cast<double>(row.m) / static_cast<double>(row.k));
    Cells cells{short_name(row.file),
                std::to_string(row.m) + "x" + std::to_string(row.k),
                format("%.1f%%", zeros),
                std::to_string(row.n),
                layout_name(row.layout),
                format("%.1f", row.ns_min / 1e3),
                format("%.1f", row.gflops_effective()),
                format("%.3f", row.fraction_of_peak()),
                row.roofline_ns > 0 ? format("%.3f", row.roofline_fraction()) : std::string("-"),
                speedup_cell(row),
                format("%.1f", row.pack_ns_median / 1e3),
                format("%.2f", row.compile_ns / 1e6),
                format("%.0f", static_cast<double>(row.code_bytes) / 1e3),
                format("%.0e", row.max_rel_error)};
    if (convolutions)
      cells.insert(cells.begin() + kShapeColumn, row.conv ? shape_cell(*row.conv, row.k, row.batch) : "-");
    for (const std::string& name : peers) cells.push_back(peer_cell(row, name));
    lines.push_back(std::move(cells));
  }
  std::string text = align(lines);
  for (const Layout layout : {Layout::panel, Layout::plane, Layout::row, Layout::plain}) text += means(rows, layout);
  return text;
}

std::string pair_table(const std::vector<PairRow>& rows) {
  if (rows.empty()) return {};
  std::vector<Cells> lines{{"convolution", "then", "conv", "M x channels", "n", "layout", "us", "GFLOP/s", "of peak",
                            "of roof", "two calls us", "x two calls", "first us", "second us", "fused us", "block",
                            "error"}};
  for (const PairRow& row : rows) {
    lines.push_back({short_name(row.first_file), short_name(row.second_file), shape_cell(row.conv, row.k, row.batch),
                     std::to_string(row.m) + "x" + std::to_string(row.between), std::to_string(row.n),
                     layout_name(row.layout), format("%.1f", row.one_call.ns_min / 1e3),
                     format("%.1f", row.gflops_effective()), format("%.3f", row.fraction_of_peak()),
                     row.roofline_ns > 0 ? format("%.3f", row.roofline_ns / row.one_call.ns_min) : std::string("-"),
                     format("%.1f", row.two_calls.ns_min / 1e3), format("%.2f", row.over_two_calls()),
                     format("%.1f", row.first.ns_min / 1e3), format("%.1f", row.second.ns_min / 1e3),
                     format("%.1f", row.always_fused.ns_min / 1e3),
                     row.block_positions > 0 ? format("%lld of %lld", static_cast<long long>(row.block_positions),
                                                      static_cast<long long>(row.positions * row.batch))
                                             : std::string("none"),
                     format("%.0e", row.max_rel_error)});
  }
  std::string text = align(lines);
  for (const Layout layout : {Layout::panel, Layout::plain}) {
    double sum = 0;
    int count = 0;
    for (const PairRow& row : rows) {
      if (row.layout != layout) continue;
      ++count;
      sum += std::log(row.over_two_calls());
    }
    text += format("%s: geometric mean of %d %s %.2fx two calls\n", layout_name(layout), count,
                   count == 1 ? "pair" : "pairs", std::exp(sum / count));
  }
  return text;
}

namespace {

nlohmann::ordered_json pair_json(const PairRow& row) {
  using Json = nlohmann::ordered_json;
  const auto time = [](const bench::Timing& t) { return Json{{"ns_min", t.ns_min}, {"ns_median", t.ns_median}}; };
  return {{"file", row.first_file},
          {"then", row.second_file},
          {"op", "pair"},
          {"m", row.m},
          {"between", row.between},
          {"k", row.k},
          {"nnz", row.nnz()},
          {"first_nnz", row.first_nnz},
          {"second_nnz", row.second_nnz},
          {"n", row.n},
          {"dtype", "fp32"},
          {"threads", row.threads},
          {"layout", layout_name(row.layout)},
          {"ns_min", row.one_call.ns_min},
          {"ns_median", row.one_call.ns_median},
          {"over_two_calls", row.over_two_calls()},
          {"block_positions", row.block_positions},
          {"positions", row.positions * row.batch},
          {"reason", row.reason},
          {"gflops_effective", row.gflops_effective()},
          {"fma_peak_gflops", row.fma_peak_gflops},
          {"fraction_of_peak", row.fraction_of_peak()},
          {"roofline_fraction", row.roofline_ns > 0 ? Json(row.roofline_ns / row.one_call.ns_min) : Json(nullptr)},
          {"max_rel_error", row.max_rel_error},
          {"peers",
           {{"two_calls", time(row.two_calls)},
            {"first", time(row.first)},
            {"second", time(row.second)},
            {"always_fused", time(row.always_fused)}}},
          {"target", row.target},
          {"conv", conv_json(row.conv, row.k, row.batch)}};
}

}  // namespace

std::string bench_json(const std::vector<BenchRow>& rows, const std::vector<PairRow>& pairs) {
  using Json = nlohmann::ordered_json;
  Json array = Json::array();
  for (const BenchRow& row : rows) {
    Json peers = Json::object();
    for (const PeerTime& peer : row.peers) peers[peer.name] = {{"ns_min", peer.ns_min}, {"ns_median", peer.ns_median}};
    Json json{{"file", row.file},
              {"op", row.conv ? "conv" : "gemm"},
              {"m", row.m},
              {"k", row.k},
              {"nnz", row.nnz},
              {"n", row.n},
              {"dtype", "fp32"},
              {"threads", row.threads},
              {"cold", row.cold},
              {"layout", layout_name(row.layout)},
              {"ns_min", row.ns_min},
              {"ns_median", row.ns_median},
              {"pack_ns_median", row.pack_ns_median},
              {"compile_ns", row.compile_ns},
              {"code_bytes", row.code_bytes},
              {"gflops_effective", row.gflops_effective()},
              {"fma_peak_gflops", row.fma_peak_gflops},
              {"fraction_of_peak", row.fraction_of_peak()},
              {"max_rel_error", row.max_rel_error},
              {"peers", std::move(peers)},
              {"plan", row.plan},
              {"target", row.target}};
    if (row.conv) json["conv"] = conv_json(*row.conv, row.k, row.batch);
    json["roofline_fraction"] = row.roofline_ns > 0 ? Json(row.roofline_fraction()) : Json(nullptr);
    json["layout_roofline_fraction"] = row.layout_ns > 0 ? Json(row.layout_ns / row.ns_min) : Json(nullptr);
    const PeerTime* dense = row.best_dense();
    json["best_dense"] = dense ? Json(dense->name) : Json(nullptr);
    json["speedup_over_best_dense"] = dense ? Json(dense->ns_min / row.ns_min) : Json(nullptr);
    array.push_back(std::move(json));
  }
  for (const PairRow& pair : pairs) array.push_back(pair_json(pair));
  return array.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sparsmith::cli
