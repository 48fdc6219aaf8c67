#include "sparsmith/plan.h"

namespace sparsmith {

const char* to_string(Form form) {
  switch (form) {
    case Form::sparse:
      return "sparse";
    case Form::dense:
      return "dense";
    case Form::vector:
      return "vector";
    case Form::depthwise:
      return "depthwise";
    case Form::compact:
      return "compact";
  }
  return "?";
}

const char* to_string(ImageLayout layout) {
  switch (layout) {
    case ImageLayout::strips:
      return "strips";
    case ImageLayout::planes:
      return "planes";
    case ImageLayout::rows:
      return "rows";
  }
  return "?";
}

std::string Schedule::describe() const {
  if (form == Form::vector) {
    return "vector, " + std::to_string(lanes) + " lanes, " + std::to_string(tile_rows) + " rows by " +
           std::to_string(panels_per_pass) + (panels_per_pass > 1 ? " columns" : " column") +
           (window_step > 1 ? ", windows every " + std::to_string(window_step) : ", all of k");
  }
  std::string text = std::string(to_string(form)) + " " + std::to_string(tile_rows) + "x" +
                     std::to_string(panels_per_pass) + ", k " + (k_block > 0 ? std::to_string(k_block) : "all") +
                     ", n " + (n_block > 0 ? std::to_string(n_block * 16) : "all");
  if (images != ImageLayout::strips)
    text += std::string(", ") + (images == ImageLayout::rows ? "row panels" : "planes");
  if (form == Form::sparse) text += cluster_rows ? ", clustered" : ", rows in order";
  if (tile_group > 0)
    text += ", groups of " + std::to_string(tile_group) + " by n " + std::to_string(inner_panels * 16);
  if (direct_x) text += ", X in place";
  if (prefetch_y) text += ", Y prefetched";
  if (prefetch_code) text += ", code prefetched";
  if (lanes < 16) text += ", " + std::to_string(lanes) + " lanes";
  return text;
}

}  // namespace sparsmith
