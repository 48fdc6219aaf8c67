/// \file
/// Which schedules are worth a look, and how the best one is named.
#pragma once

#include <vector>

#include "plan/registers.h"
#include "sparsmith/panel.h"
#include "sparsmith/plan.h"

namespace sparsmith {

/// Columns a plan is made for when the problem doesn't say.
inline constexpr int64_t kAssumedColumns = 256;
/// Rows of Y are addressed with 32-bit displacements of 64 bytes a row.
inline constexpr int64_t kMaxRows = int64_t{1} << 24;

/// Legal schedules for the pattern (LayerMatrix's) and a layout of images, sized for this machine's caches on the
/// target: sparse ones first, dense always among them unless its values would not fit (kMaxNonzeros).
std::vector<Schedule> candidate_schedules(const Pattern& pattern, int64_t panels, const Problem& problem,
                                          const Target& target, int64_t network_code_bytes = 0,
                                          ImageLayout images = ImageLayout::strips);

/// The layouts that a problem's code may see images in: that of its operands, or all where those are plain. Strips
/// alone where there are no images.
std::vector<ImageLayout> image_layouts(const Pattern& pattern, const Problem& problem);

/// Most columns for which the vector form is considered: from some five on a panel takes no longer.
inline constexpr int64_t kMostVectorColumns = 8;

/// The vector form for calls of n columns, in passes of one or more; none where n is larger, or the target or the
/// problem (a spatial convolution) has no such form.
std::vector<Schedule> vector_schedules(const Pattern& pattern, const Problem& problem, int64_t n, const Target& target);
/// Code of 8 or 4 lanes for calls of n columns: none where n is larger, or for a spatial convolution.
std::vector<Schedule> narrow_schedules(const Pattern& pattern, const Problem& problem, int64_t n, const Target& target);

/// A strided convolution gathers its columns; anything else that is plain has them side by side.
bool can_read_in_place(const Problem& problem);

/// Whether there is such a problem for the pattern at all: N, the convolution's sizes, clip's bounds, the rows; the
/// error names the number that is wrong.
Status check_problem(const Pattern& pattern, const Problem& problem);

/// bad_input unless code can be made for the schedule on the target; names the number that is out of range.
Status check_schedule(const Schedule& schedule, const Pattern& pattern, const Problem& problem, const Target& target);

/// Keeps the candidates a reader of the plan would want to see: the best predicted ones of each form.
void keep_best(std::vector<Candidate>& candidates);

/// Orders candidates (measured ones first, by measured time, then by prediction), takes the first and says why.
void choose(Plan& plan);

}  // namespace sparsmith
