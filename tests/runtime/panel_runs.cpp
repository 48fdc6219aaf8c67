#include "tests/runtime/panel_runs.h"

#include <bit>
#include <cmath>
#include <memory>

#include "sparsmith/panel.h"
#include "sparsmith/strip.h"

namespace sparsmith::testing {
namespace {

constexpr uint32_t kCanary = 0x7fc0dead;

int64_t span(const PanelRuns& runs, int64_t panels) {
  int64_t end = 0;
  for (int64_t p = 0; p < panels; ++p) end = std::max(end, runs.at(p) + 1);
  return end;
}

// An operand's panels in runs of their own.
class Moved {
 public:
  Moved(const PanelRuns& runs, int64_t panels, int64_t rows, const float* from, float between)
      : runs_(runs), panels_(panels), floats_(rows * kPanelWidth), memory_(span(runs, panels) * floats_) {
    std::fill_n(memory_.data(), memory_.size(), between);
    for (int64_t p = 0; p < panels; ++p)
      std::copy_n(from + p * floats_, floats_, memory_.data() + runs.at(p) * floats_);
  }
  float* data() { return memory_.data(); }
  void bring_back(float* to) const {
    for (int64_t p = 0; p < panels_; ++p)
      std::copy_n(memory_.data() + runs_.at(p) * floats_, floats_, to + p * floats_);
  }
  bool all_between_is(uint32_t bits) const {
    std::vector<bool> panel(static_cast<size_t>(memory_.size() / floats_), false);
    for (int64_t p = 0; p < panels_; ++p) panel[static_cast<size_t>(runs_.at(p))] = true;
    for (int64_t i = 0; i < memory_.size(); ++i) {
      if (!panel[static_cast<size_t>(i / floats_)] && std::bit_cast<uint32_t>(memory_.data()[i]) != bits) return false;
    }
    return true;
  }

 private:
  const PanelRuns runs_;
  const int64_t panels_, floats_;
  PageEndBuffer memory_;
};

int64_t panels_of(const Problem& problem, const RunArgs& args) {
  return problem.spatial() ? args.batch * strip_shape(*problem.conv).y_positions() : panel_count(args.n);
}

std::string text(const PanelRuns& runs) {
  return std::to_string(runs.run) + " every " + std::to_string(runs.pitch) + ", " + std::to_string(runs.image_runs) +
         " an image, every " + std::to_string(runs.image_pitch);
}

}  // namespace

PanelRuns random_runs(std::mt19937& rng, int64_t panels) {
  const auto upto = [&](int64_t most) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(most + 1)); };
  const auto divisor = [&](int64_t of) {
    int64_t d = 1 + upto(of - 1);
    while (of % d != 0) --d;
    return d;
  };
  if (upto(5) == 0) return {};
  PanelRuns runs;
  runs.run = divisor(panels);
  runs.pitch = runs.run + upto(3);
  if (upto(1) == 0) return runs;
  runs.image_runs = divisor(panels / runs.run);
  runs.image_pitch = (runs.image_runs - 1) * runs.pitch + runs.run + upto(5);
  return runs;
}

::testing::AssertionResult same_in_runs(const Problem& problem, int64_t m, int64_t k, CallBuffers& buffers,
                                        const std::function<Status(const RunArgs&)>& run, uint32_t seed) {
  const bool x_moves = problem.x_layout == Layout::panel && !problem.spatial();
  const bool y_moves = problem.y_layout == Layout::panel && problem.x_layout != Layout::grid;
  if (!x_moves && !y_moves) return ::testing::AssertionSuccess();
  std::mt19937 rng(seed);
  const std::vector<uint32_t> expected = buffers.y_bits();
  buffers.reset_y();
  RunArgs args = buffers.args();
  const int64_t panels = panels_of(problem, args);
  std::unique_ptr<Moved> x, y, residual;
  if (x_moves) {
    args.x_runs = random_runs(rng, panels);
    x = std::make_unique<Moved>(args.x_runs, panels, k, args.x, std::nanf(""));
    args.x = x->data();
  }
  if (y_moves) {
    args.y_runs = random_runs(rng, panels);
    y = std::make_unique<Moved>(args.y_runs, panels, m, args.y, std::bit_cast<float>(kCanary));
    args.y = y->data();
    if (args.residual != nullptr) {
      args.residual_runs = rng() % 2 == 0 ? args.y_runs : random_runs(rng, panels);
      residual = std::make_unique<Moved>(args.residual_runs, panels, m, args.residual, std::nanf(""));
      args.residual = residual->data();
    }
  }
  const auto failure = [&] {
    return ::testing::AssertionFailure() << panels << " panels, X in runs of " << text(args.x_runs) << "; Y "
                                         << text(args.y_runs) << "; residual " << text(args.residual_runs) << "; "
                                         << args.threads << " threads: ";
  };
  if (Status ran = run(args); !ran.ok()) return failure() << ran.error().message;
  if (y && !y->all_between_is(kCanary)) return failure() << "a panel between Y's was written to";
  if (y) y->bring_back(buffers.args().y);
  if (buffers.y_bits() != expected) return failure() << "other bits than side by side";
  return ::testing::AssertionSuccess();
}

}  // namespace sparsmith::testing
