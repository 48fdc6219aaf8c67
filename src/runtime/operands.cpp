#include "runtime/operands.h"

#include <string>

#include "runtime/parallel.h"

namespace sparsmith {
namespace {

// Bytes of one operand that still leave room for offsets into it.
constexpr int64_t kMaxBytes = int64_t{1} << 46;
constexpr int64_t kMaxFloats = kMaxBytes / static_cast<int64_t>(sizeof(float));

// a * b, or more than kMaxFloats when that is too large. Arguments are not negative.
int64_t product(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result) || result > kMaxFloats) return kMaxFloats + 1;
  return result;
}

std::string number(int64_t value) { return std::to_string(value); }

Error too_large(const char* name, const std::string& shape) {
  return bad_input(std::string(name) + " = " + shape + " takes more than 2^46 bytes",
                   "check the call's N, batch and leading dimensions");
}

// a + b, likewise.
int64_t sum(int64_t a, int64_t b) { return a > kMaxFloats - b ? kMaxFloats + 1 : a + b; }

// One operand as it lies in memory.
struct Extent {
  const char* name;
  const char* ld_name;
  const float* data;
  int64_t floats = 0;  // from the first element to one past the last
  int64_t ld = 0;      // plain GEMM: floats between rows; else 0
  int64_t width = 0;   // plain GEMM: columns
};

// Whether two operands share memory. Column ranges of one larger matrix do not, though their extents interleave.
bool overlap(const Extent& a, const Extent& b) {
  const auto a_begin = reinterpret_cast<uintptr_t>(a.data);
  const auto b_begin = reinterpret_cast<uintptr_t>(b.data);
  const uintptr_t a_end = a_begin + static_cast<uintptr_t>(a.floats) * sizeof(float);
  const uintptr_t b_end = b_begin + static_cast<uintptr_t>(b.floats) * sizeof(float);
  if (a_end <= b_begin || b_end <= a_begin) return false;
  if (a.ld == 0 || a.ld != b.ld) return true;
  if (a_begin > b_begin) return overlap(b, a);
  const uintptr_t row = static_cast<uintptr_t>(a.ld) * sizeof(float);
  const uintptr_t shift = (b_begin - a_begin) % row;
  return shift < static_cast<uintptr_t>(a.width) * sizeof(float) ||
         shift + static_cast<uintptr_t>(b.width) * sizeof(float) > row;
}

Error overlapping(const Extent& a, const Extent& b, std::string hint) {
  const auto bytes = [](int64_t floats) { return number(floats * static_cast<int64_t>(sizeof(float))); };
  const auto distance = static_cast<int64_t>(reinterpret_cast<uintptr_t>(b.data) - reinterpret_cast<uintptr_t>(a.data));
  return bad_input(std::string(a.name) + " (" + bytes(a.floats) + " bytes) and " + b.name + " (" + bytes(b.floats) +
                       " bytes, " + number(distance) + " bytes from it) overlap in memory",
                   std::move(hint));
}

// The call's columns: given for matrices and panels, known from the shape for plain convolutions.
Result<int64_t> column_count(const Problem& problem, const RunArgs& args) {
  const bool images = problem.spatial() || problem.x_layout == Layout::plain || problem.y_layout == Layout::plain;
  int64_t n = args.n;
  if (problem.conv && images) {
    if (args.batch < 1) return bad_input("batch = " + number(args.batch) + ": a call needs at least 1 image");
    const Conv2d& conv = *problem.conv;
    if (conv.height < 1 || conv.width < 1 || conv.stride_h < 1 || conv.stride_w < 1) {
      return bad_input("the convolution has height " + number(conv.height) + ", width " + number(conv.width) +
                       ", stride " + number(conv.stride_h) + " x " + number(conv.stride_w) +
                       ": all must be at least 1");
    }
    n = product(args.batch, product(conv.out_height(), conv.out_width()));
  }
  if (n < 1) return bad_input("N = " + number(n) + ": a call needs at least 1 column");
  if (n > kMaxFloats) return bad_input("N = " + number(n) + " columns are too many", "at most 2^44");
  if (problem.n_fixed && n != problem.n) {
    return bad_input(
        "N = " + number(n) + ", but this kernel was compiled for N = " + number(problem.n) + " only (n_fixed)",
        "compile with n_fixed = false to run any N");
  }
  return n;
}

// The view of a plain operand of `rows` rows.
Result<PlainView> plain_view(const Problem& problem, const RunArgs& args, bool input, int64_t rows, int64_t n,
                             int64_t ld, Extent& extent) {
  if (problem.conv) {
    const Conv2d& conv = *problem.conv;
    const int64_t image = input ? product(conv.height, conv.width) : product(conv.out_height(), conv.out_width());
    extent.floats = product(args.batch, product(rows, image));
    if (extent.floats > kMaxFloats) {
      return too_large(extent.name, "[" + number(args.batch) + ", " + number(rows) + ", " + number(image) + "] floats");
    }
    return input ? PlainView::nchw(args.batch, rows, conv) : PlainView::nchw(args.batch, rows, image);
  }
  if (ld == 0) ld = n;
  if (problem.n_fixed && ld != n) {
    return bad_input(std::string(extent.ld_name) + " = " + number(ld) + ", but this kernel was compiled for rows of " +
                         number(n) + " floats without gaps (n_fixed)",
                     "pass 0, or compile with n_fixed = false to run any leading dimension");
  }
  if (ld < n) {
    return bad_input(std::string(extent.ld_name) + " = " + number(ld) + " is less than N = " + number(n) +
                         ": rows of " + extent.name + " would overlap",
                     "pass at least N, or 0 for N");
  }
  extent.floats = product(rows, ld);
  if (extent.floats > kMaxFloats) {
    return too_large(extent.name, number(rows) + " rows, " + number(ld) + " floats apart,");
  }
  extent.floats -= ld - n;
  extent.ld = ld;
  extent.width = n;
  return PlainView::matrix(rows, n, ld);
}

// Whether `runs` can say where `panels` panels lie; the error calls them by what they are of.
Status check_runs(const PanelRuns& runs, int64_t panels, const char* name) {
  if (runs == PanelRuns{}) return success();
  const auto which = [&] { return std::string("the panels of ") + name; };
  if (runs.run < 0 || runs.pitch < 0 || runs.image_runs < 0 || runs.image_pitch < 0) {
    return bad_input(which() + " lie in runs of " + number(runs.run) + ", pitch " + number(runs.pitch) + ", of " +
                         number(runs.image_runs) + " an image, " + number(runs.image_pitch) +
                         " apart; none of these may be negative",
                     "PanelRuns says what they are");
  }
  if (runs.run == 0) {
    return bad_input(which() + " have a pitch or images, but no length of a run", "set PanelRuns::run, or nothing");
  }
  if (runs.pitch < runs.run) {
    return bad_input(which() + " overlap: runs of " + number(runs.run) + " begin every " + number(runs.pitch),
                     "a pitch of at least the run");
  }
  if (runs.image_runs == 0 && runs.image_pitch > 0) {
    return bad_input(which() + " have a distance of images, but an image has no number of runs",
                     "set PanelRuns::image_runs too, or neither");
  }
  const int64_t image = product(runs.run, std::max<int64_t>(runs.image_runs, 1));
  if (image > panels || panels % image != 0) {
    return bad_input(number(panels) + " panels of " + name + " can't be divided into " +
                         (runs.image_runs > 0 ? "images of " + number(runs.image_runs) + " runs of " : "runs of ") +
                         number(runs.run),
                     "of strips there are tile_w positions in a run, tile_h runs in an image");
  }
  if (runs.image_runs > 0 && runs.image_pitch < sum(product(runs.image_runs - 1, runs.pitch), runs.run)) {
    return bad_input(which() + " overlap: " + number(runs.image_runs) + " runs of " + number(runs.run) + ", " +
                         number(runs.pitch) + " apart, but images begin every " + number(runs.image_pitch),
                     "an image_pitch of at least what an image's runs span");
  }
  return success();
}

// From the first to one past the last of so many panels, which check_runs has passed.
int64_t span(const PanelRuns& runs, int64_t panels) {
  if (runs.run == 0) return panels;
  const int64_t last = panels / runs.run - 1;
  const int64_t image = runs.image_runs > 0 ? last / runs.image_runs : 0, row = last - image * runs.image_runs;
  return sum(sum(product(image, runs.image_pitch), product(row, runs.pitch)), runs.run);
}

// Panels of `rows` rows, `pitch` rows apart.
Status describe_panels(const PanelRuns& given, int64_t panels, int64_t rows, int64_t pitch, PanelRuns& runs,
                       Extent& extent) {
  if (Status s = check_runs(given, panels, extent.name); !s) return s;
  extent.floats = product(sum(product(pitch, span(given, panels) - 1), rows), kPanelWidth);
  if (extent.floats > kMaxFloats) {
    return too_large(extent.name, number(panels) + " panels of " + number(rows) + " rows" +
                                      (given.run > 0 ? ", in runs " + number(given.pitch) + " panels apart," : ""));
  }
  runs = given;
  return success();
}

Status check_no_runs(const PanelRuns& runs, const Extent& extent, const char* why) {
  if (runs == PanelRuns{}) return success();
  return bad_input(std::string("runs were given for ") + extent.name + ", " + why,
                   "leave RunArgs' PanelRuns for it as they are");
}

// `given` becomes `runs` where the operand is in panels.
Status describe(Layout layout, const Problem& problem, const RunArgs& args, bool input, int64_t rows, int64_t n,
                int64_t ld, PlainView& view, const PanelRuns& given, PanelRuns& runs, Extent& extent) {
  const int64_t pitch = input ? rows : problem.y_pitch(rows);
  if (layout == Layout::panel) return describe_panels(given, panel_count(n), rows, pitch, runs, extent);
  if (Status s = check_no_runs(given, extent, "which is plain"); !s) return s;
  Result<PlainView> plain = plain_view(problem, args, input, rows, n, ld, extent);
  if (!plain) return plain.error();
  view = *plain;
  return success();
}

// One operand of a spatial convolution.
Status describe_images(Layout layout, const ImageView& view, int64_t batch, Extent& extent) {
  const int64_t image = layout == Layout::plain ? view.plain_floats() : view.packed_floats();
  extent.floats = product(batch, image);
  if (extent.floats > kMaxFloats) {
    return too_large(extent.name, number(batch) + " images of " + number(image) + " floats");
  }
  return success();
}

Status check_overlaps(const Extent& x, const Extent& y, const Extent& residual) {
  if (overlap(x, y)) return overlapping(x, y, "give Y memory of its own");
  if (residual.data != nullptr && overlap(residual, y)) {
    return overlapping(residual, y, "to add to what Y holds, compile with Epilogue::accumulate instead");
  }
  return success();
}

Result<Operands> spatial_operands(int64_t m, int64_t k, const Problem& problem, const RunArgs& args, ImageLayout images,
                                  Operands ops) {
  const Conv2d& conv = *problem.conv;
  const int64_t channels = conv.channels(k);
  ops.batch = args.batch;
  ops.spatial = true;
  ops.x_images = ImageView::input(images, conv, channels);
  ops.y_images = ImageView::output(images, conv, ops.y_pitch);
  const bool grid = problem.x_layout == Layout::grid;
  ops.runs = grid ? ImageRuns::whole(conv, channels, m) : ImageRuns::of(images, conv, channels, ops.y_pitch);
  if (grid) ops.x_images = ImageView::output(images, conv, channels);  // cut as Y
  ops.panels = product(ops.batch, ops.runs.panels_per_image());
  Extent x{"X", "", args.x}, y{"Y", "", args.y}, residual{"the residual", "", args.residual};
  if (Status s = describe_images(problem.x_layout, ops.x_images, args.batch, x); !s) return s.error();
  if (Status s = check_no_runs(args.x_runs, x, "which a spatial convolution reads with its halo"); !s) return s.error();
  if (problem.y_layout == Layout::panel && !grid) {
    if (Status s = describe_panels(args.y_runs, ops.panels, m, ops.y_pitch, ops.y_runs, y); !s) return s.error();
    Status s = describe_panels(args.residual_runs, ops.panels, m, ops.y_pitch, ops.residual_runs, residual);
    if (!s) return s.error();
  } else {
    const char* const why = grid ? "whose code writes all positions of an image" : "which isn't in strips";
    if (Status s = describe_images(problem.y_layout, ops.y_images, args.batch, y); !s) return s.error();
    if (Status s = check_no_runs(args.y_runs, y, why); !s) return s.error();
    if (Status s = check_no_runs(args.residual_runs, residual, why); !s) return s.error();
    residual.floats = y.floats;
  }
  if (Status s = check_overlaps(x, y, residual); !s) return s.error();
  return ops;
}

}  // namespace

Result<Operands> check_run_args(int64_t m, int64_t k, const Problem& problem, const RunArgs& args, ImageLayout images) {
  if (args.x == nullptr) return bad_input("X is a null pointer");
  if (args.y == nullptr) return bad_input("Y is a null pointer");
  const bool has_residual = problem.epilogue.residual != Residual::none;
  if (has_residual && args.residual == nullptr) {
    return bad_input("the residual is a null pointer, but this kernel's epilogue adds one",
                     "pass RunArgs::residual, of Y's shape and layout");
  }
  if (!has_residual && (args.residual != nullptr || args.residual_runs != PanelRuns{})) {
    return bad_input("a residual was passed, but this kernel's epilogue adds none",
                     "compile with Epilogue::residual, or leave RunArgs::residual null");
  }
  if (args.threads < 1) return bad_input("threads = " + number(args.threads) + ": a call needs at least 1 thread");
  if (args.parallel != nullptr) {
    if (Status s = check_hook(*args.parallel); !s) return s.error();
  }
  const Result<int64_t> n = column_count(problem, args);
  if (!n) return n.error();

  Operands ops;
  ops.x = args.x;
  ops.y = args.y;
  ops.residual = args.residual;
  ops.n = *n;
  ops.y_pitch = problem.y_pitch(m);
  ops.panels = panel_count(*n);
  ops.x_plain = problem.x_layout == Layout::plain;
  ops.y_plain = problem.y_layout == Layout::plain;
  if (problem.spatial()) return spatial_operands(m, k, problem, args, images, ops);
  Extent x{"X", "ldx", args.x}, y{"Y", "ldy", args.y}, residual{"the residual", "ld_residual", args.residual};
  if (Status s =
          describe(problem.x_layout, problem, args, true, k, *n, args.ldx, ops.x_view, args.x_runs, ops.x_runs, x);
      !s) {
    return s.error();
  }
  if (Status s =
          describe(problem.y_layout, problem, args, false, m, *n, args.ldy, ops.y_view, args.y_runs, ops.y_runs, y);
      !s) {
    return s.error();
  }
  if (has_residual) {
    Status s = describe(problem.y_layout, problem, args, false, m, *n, args.ld_residual, ops.residual_view,
                        args.residual_runs, ops.residual_runs, residual);
    if (!s) return s.error();
  }
  if (Status s = check_overlaps(x, y, residual); !s) return s.error();
  return ops;
}

}  // namespace sparsmith
