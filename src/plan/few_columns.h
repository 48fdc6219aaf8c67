/// \file
/// Calls of fewer columns than a plan is made for, and the columns that whole panels leave over: which code serves
/// them.
#pragma once

#include <array>
#include <map>
#include <optional>

#include "plan/cost_model.h"
#include "plan/image_work.h"
#include "plan/layer_matrix.h"
#include "plan/tiling.h"
#include "sparsmith/plan.h"

namespace sparsmith {

/// Most columns that code of fewer than 16 lanes serves.
inline constexpr int64_t kMostNarrowColumns = 8;

/// Schedules of one layer with their predictions, for any number of columns. Keeps tilings, which take longest.
class CandidateMaker {
 public:
  CandidateMaker(const LayerMatrix& matrix, const Pattern& pattern, const Problem& problem, const Target& target,
                 const MachineModel& machine, int64_t network_bytes)
      : matrix_(matrix),
        pattern_(pattern),
        problem_(problem),
        target_(target),
        machine_(machine),
        network_bytes_(network_bytes) {}

  /// Of a spatial convolution: images of a call of n columns, and what a layout makes of one.
  int64_t images(int64_t n) const;
  const ImageWork& image(ImageLayout layout);
  /// For a call of n columns in `panels` panels (of a spatial convolution: those of its images).
  Candidate make(const Schedule& schedule, int64_t n, int64_t panels);
  /// What the model is told of it.
  Work work(const Schedule& schedule, int64_t n, int64_t panels);

 private:
  const LayerMatrix& matrix_;
  const Pattern& pattern_;
  const Problem& problem_;
  const Target& target_;
  const MachineModel& machine_;
  int64_t network_bytes_;
  std::array<ImageWork, kImageLayouts> image_work_{};  ///< of layouts that were asked for
  std::map<std::pair<int, bool>, Tiling> tilings_;
  std::map<std::pair<int, int>, int64_t> slots_;  ///< by lanes and window step
};

/// What few columns cost, by prediction or measurement; 0: there is no such code.
struct FewTimes {
  double vector_one = 0, vector_more = 0;  ///< a column of the vector form, and each further one
  double narrow = 0;                       ///< a call of kMostNarrowColumns columns of narrow code
  double panel = 0;                        ///< a call of the chosen code for one panel
  double next_panel = 0;                   ///< each further panel of the chosen code in a call of plan.n columns
};

/// Sets plan.few and plan.tail_columns for a plan whose schedule is chosen: where such calls may come, the target has
/// other code for them that is faster and takes little time to make.
void plan_few_columns(Plan& plan, const Problem& problem, const Pattern& pattern, const Target& target,
                      CandidateMaker& maker, int64_t panels);

/// The same from times, for up to two schedules.
void set_few_columns(Plan& plan, const Problem& problem, const FewTimes& times, const std::optional<Schedule>& vector,
                     const std::optional<Schedule>& narrow);

}  // namespace sparsmith
