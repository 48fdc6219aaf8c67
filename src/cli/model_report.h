/// \file
/// What `explain` knows of a whole model: each step of a call, each layer's pattern and plan, and what they take.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/break_even.h"
#include "sparsmith/cache.h"
#include "sparsmith/kernel.h"
#include "sparsmith/model.h"

namespace sparsmith::cli {

/// A layer that is computed by a kernel.
struct LayerReport {
  const Kernel* kernel = nullptr;  ///< of ModelReport::model
  Pattern pattern;
  std::string pattern_class;  ///< pattern_class.h
  FormTimes times;
  std::optional<double> break_even;  ///< break_even_density()
};

/// A piece of work of a call, in their order.
struct StepReport {
  ModelStep step;
  double measured_ns = 0;  ///< 0: not measured, or there was nothing to do
};

struct ModelReport {
  std::string file;
  Model model;
  std::vector<LayerReport> layers;  ///< by ModelStep::kernel
  std::vector<StepReport> steps;
  ModelMemory memory;     ///< of a call at batch 1
  bool measured = false;  ///< on random inputs of the declared shapes
  int threads = 1;
  double call_ns = 0;  ///< a whole call, measured without looking at steps

  double predicted_ns() const;        ///< of all layers, in the chosen forms
  double predicted_dense_ns() const;  ///< of all layers, each in its dense form; chosen ones where there is none
  double measured_ns(bool layers_only) const;
};

/// Of the steps that take a noticeable time, or, not measured, of all but those that only may have something to do.
bool is_shown(const ModelReport& report, const StepReport& step);

struct ReportOptions {
  bool measure = false;
  int threads = 1;
  std::shared_ptr<Cache> cache;  ///< whose machine costs predictions use; null: built-in ones
};
ModelReport make_report(const std::string& file, Model model, const ReportOptions& options);

/// The plan's candidate that was chosen; null where it isn't among them.
const Candidate* chosen_candidate(const Plan& plan);
/// "dense", or the sparse form's name.
std::string chosen_form(const Plan& plan);

/// The table for people, and the whole as JSON and as a page.
void print_report(const ModelReport& report);
std::string report_json(const ModelReport& report);
std::string report_html(const ModelReport& report);

}  // namespace sparsmith::cli
