#include "cli/html_parts.h"

#include <algorithm>
#include <vector>

#include "cli/png.h"

namespace sparsmith::cli {
namespace {

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
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(170px, 1fr)); gap: 1rem; margin-top: 1rem }
.tiles h2 { font-size: .82rem; overflow-wrap: anywhere } .tiles .card { padding: .8rem }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin-top: .8rem; font-size: .88rem }
.legend i { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin-right: .45rem }
td.why { color: var(--soft); min-width: 22rem } .card + .card { margin-top: 1rem } .tiles .card + .card { margin-top: 0 }
)";

}  // namespace

std::string page_head(const std::string& escaped_title) {
  std::string page = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n";
  page += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  return page + "<title>" + escaped_title + " &middot; Sparsmith</title>\n<style>" + kStyle +
         "</style></head>\n<body><main>\n";
}

std::string html_escape(const std::string& text) {
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

std::string picture(const Pattern& pattern, int64_t side) {
  const int64_t width = std::min(pattern.cols(), side), height = std::min(pattern.rows(), side);
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

std::string html_fact(const std::string& number, const std::string& what) {
  return "<div class=\"card\"><b>" + number + "</b><span>" + what + "</span></div>\n";
}

}  // namespace sparsmith::cli
