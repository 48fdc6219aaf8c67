// What problems and schedules there can be, said before anything is made of them.
#include <string>

#include "pattern/check.h"
#include "pattern/images.h"
#include "pattern/row_order.h"
#include "plan/candidates.h"
#include "plan/compact_schedules.h"
#include "plan/layer_matrix.h"
#include "plan/registers.h"
#include "plan/slices.h"

namespace sparsmith {
namespace {

Status check_vector(const Schedule& schedule, const Pattern& pattern, const Problem& problem, const Target& target) {
  if (problem.spatial()) return bad_input("a vector schedule for a spatial convolution, which is computed on strips");
  const int lanes = vector_lanes(target.isa());
  if (schedule.lanes != lanes) {
    return bad_input("a vector schedule of " + std::to_string(schedule.lanes) + " lanes; " + target.to_string() +
                     " looks up " + std::to_string(lanes) + " at once");
  }
  if (schedule.tile_rows < 1 || schedule.tile_rows % kSliceRows != 0) {
    return bad_input("a vector schedule of " + std::to_string(schedule.tile_rows) +
                     " tile rows; they must be a multiple of 16");
  }
  // Beside accumulators AVX2 has registers for six columns looked up, their numbers and weights, and two of its own.
  constexpr int kMostNarrow = 6;
  const int most = lanes == kSliceRows ? kMostColumnsPerPass : kMostNarrow;
  if (schedule.panels_per_pass < 1 || schedule.panels_per_pass > most) {
    return bad_input("a vector schedule of " + std::to_string(schedule.panels_per_pass) + " columns per pass; 1 to " +
                     std::to_string(most) + " are possible");
  }
  if (schedule.panels_per_pass * lane_column_floats(pattern.cols()) > INT32_MAX / 4) {
    return unsuitable(
        "the vector form for columns of " + std::to_string(pattern.cols()) + " floats, which lie beyond a displacement",
        "another form, or fewer columns per pass");
  }
  if (schedule.window_step != 1 && schedule.window_step != 4 && schedule.window_step != 8 &&
      schedule.window_step != 16) {
    return bad_input("a vector schedule with windows every " + std::to_string(schedule.window_step) +
                     " columns; 4, 8 and 16 are possible, and 1 for none");
  }
  if (schedule.k_block != 0 || schedule.n_block != 0 || schedule.tile_group != 0 || schedule.direct_x) {
    return bad_input("a vector schedule with blocks, groups of tiles or X in place; it has none of them");
  }
  return success();
}

Status check_depthwise(const Schedule& schedule, const Pattern& pattern, const Problem& problem,
                       const RegisterFile& registers) {
  if (!problem.spatial() || pattern.cols() != problem.conv->taps()) {
    return bad_input("a depthwise schedule for a layer that isn't a convolution of one channel a group");
  }
  const int most = registers.vectors - 2;
  if (schedule.tile_rows < 1 || schedule.panels_per_pass < 1 || schedule.panels_per_pass > most) {
    return bad_input("a depthwise schedule of " + std::to_string(schedule.tile_rows) + " tile rows and " +
                     std::to_string(schedule.panels_per_pass) + " panels per pass; 1 to " + std::to_string(most) +
                     " panels are possible");
  }
  if (problem.x_layout == Layout::grid &&
      (schedule.panels_per_pass != 1 || schedule.n_block != 0 || schedule.tile_group != 0)) {
    return bad_input(
        "a depthwise schedule with blocks of positions for an X on its grid, whose pass is all of an image");
  }
  if (schedule.k_block != 0 || schedule.n_block < 0 || schedule.tile_group < 0 ||
      (schedule.tile_group > 0 && schedule.inner_panels < 1)) {
    return bad_input("a depthwise schedule with k-blocks, or with negative blocks");
  }
  return success();
}
Status check_images(const Schedule& schedule, const Pattern& pattern, const Problem& problem) {
  if (!problem.spatial()) {
    if (schedule.images == ImageLayout::strips) return success();
    return bad_input(std::string("a schedule with images in ") + to_string(schedule.images) +
                     " for a layer that isn't a spatial convolution");
  }
  if (!suits(schedule.images, problem)) {
    return bad_input(
        std::string("a schedule with images in ") + to_string(schedule.images) + " for operands in another layout",
        "that of the operands, or plain ones");
  }
  if (schedule.images == ImageLayout::strips) return success();
  if (schedule.form == Form::compact) {
    return bad_input(std::string("a compact schedule with images in ") + to_string(schedule.images),
                     "strips, whose lines its code takes from data");
  }
  return check_image_shapes(pattern.rows(), pattern.cols(), *problem.conv);
}

}  // namespace

bool can_read_in_place(const Problem& problem) {
  return problem.x_layout == Layout::plain && !problem.spatial() &&
         (!problem.conv || (problem.conv->stride_h == 1 && problem.conv->stride_w == 1));
}

Status check_problem(const Pattern& pattern, const Problem& problem) {
  if (pattern.rows() > kMaxRows) {
    return unsuitable("a matrix of " + std::to_string(pattern.rows()) + " rows; kernels are made for at most " +
                          std::to_string(kMaxRows),
                      "split the layer by rows");
  }
  if (problem.conv) {
    if (Status valid = check_conv(pattern.rows(), pattern.cols(), *problem.conv); !valid) return valid;
  }
  if (Status valid = check_layouts(pattern.rows(), problem); !valid) return valid;
  if (problem.x_layout == Layout::grid && pattern.cols() != problem.conv->taps()) {
    return bad_input("X on the grid of a convolution that isn't depthwise", "strips (panel), planes, rows or plain");
  }
  if (problem.spatial() && !suits(ImageLayout::strips, problem)) {
    if (Status small = check_image_shapes(pattern.rows(), pattern.cols(), *problem.conv); !small) return small;
  }
  if (problem.n < 0) return bad_input("N is " + std::to_string(problem.n) + "; it must be 1 or more");
  if (problem.n > kMaxColumns) {
    return bad_input("N is " + std::to_string(problem.n) + "; at most " + std::to_string(kMaxColumns) +
                     " columns are supported");
  }
  if (problem.n_fixed && problem.n == 0) return bad_input("n_fixed needs n, which is 0");
  const Epilogue& epilogue = problem.epilogue;
  // Written so that a NaN bound fails too.
  if (epilogue.activation == Activation::clip && !(epilogue.lo <= epilogue.hi)) {
    return bad_input("clip from " + std::to_string(epilogue.lo) + " to " + std::to_string(epilogue.hi) +
                     "; lo must not be above hi");
  }
  return success();
}

Status check_schedule(const Schedule& schedule, const Pattern& pattern, const Problem& problem, const Target& target) {
  if (Status images = check_images(schedule, pattern, problem); !images) return images;
  if (problem.x_layout == Layout::grid && schedule.form != Form::depthwise) {
    return bad_input("a schedule of another form than depthwise for an X on its grid");
  }
  if (schedule.form == Form::vector) return check_vector(schedule, pattern, problem, target);
  if (schedule.direct_x &&
      (!can_read_in_place(problem) || schedule.form != Form::sparse || schedule.panels_per_pass > 1)) {
    return bad_input(
        "a schedule that reads X in place needs a plain X without stride, the sparse form and one panel per pass");
  }
  const bool compact = schedule.form == Form::compact;
  if (schedule.lanes != 16) {
    if (schedule.lanes != 8 && schedule.lanes != 4) {
      return bad_input("a schedule of " + std::to_string(schedule.lanes) + " lanes; 4, 8 and 16 are possible");
    }
    if (problem.spatial() || (!compact && schedule.form != Form::sparse)) {
      return bad_input(
          "a schedule of " + std::to_string(schedule.lanes) +
          " lanes; only the sparse and the compact form of products and 1x1 convolutions have fewer than 16");
    }
  }
  const RegisterFile registers = register_file(target.isa(), schedule.lanes);
  const int panels = schedule.panels_per_pass;
  if (schedule.form == Form::depthwise) return check_depthwise(schedule, pattern, problem, registers);
  const int most_panels =
      compact ? most_compact_panels(pattern.rows(), pattern.cols(), problem, registers) : registers.max_panels;
  if (panels < 1 || panels > most_panels) {
    return bad_input("a schedule of " + std::to_string(panels) + " panels per pass; 1 to " +
                     std::to_string(most_panels) + " are possible");
  }
  // The dense form with several panels holds one broadcast value beside the accumulators and rows of X.
  const int values = schedule.form == Form::dense && panels > 1 && registers.free_temps == 0 ? 1 : 0;
  const int most = compact ? static_cast<int>(kMostCompactRows) : (registers.vectors - panels - values) / panels;
  if (schedule.tile_rows < 1 || schedule.tile_rows > most) {
    return bad_input("a schedule of " + std::to_string(schedule.tile_rows) + " tile rows; with " +
                     std::to_string(panels) + " panels per pass " + target.to_string() + " has registers for 1 to " +
                     std::to_string(most));
  }
  if (schedule.form == Form::dense && problem.conv && problem.conv->groups > 1) {
    return bad_input("a dense schedule for a convolution of " + std::to_string(problem.conv->groups) + " groups");
  }
  if (schedule.k_block < 0 || schedule.n_block < 0 || schedule.tile_group < 0) {
    return bad_input("a schedule with a negative block size");
  }
  if (Status valid = check_k_block(schedule, problem, pattern.cols()); !valid) return valid;
  if (schedule.tile_group > 0 && compact) {
    return bad_input("a compact schedule with groups of tiles; its n-block is for that");
  }
  if (schedule.tile_group > 0 && schedule.inner_panels < 1) {
    return bad_input("a schedule with groups of tiles needs inner panels: 1 or more, not " +
                     std::to_string(schedule.inner_panels));
  }
  if (schedule.form == Form::dense && pattern.rows() * pattern.cols() > kMaxNonzeros) {
    return unsuitable("a dense kernel for " + std::to_string(pattern.rows()) + "x" + std::to_string(pattern.cols()) +
                      " weights would hold more values than 2^28");
  }
  return success();
}

}  // namespace sparsmith
