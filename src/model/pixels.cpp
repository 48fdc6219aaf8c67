#include "model/pixels.h"

#include <algorithm>

#include "runtime/line_transpose.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"
#include "sparsmith/panel.h"

namespace sparsmith::model {
namespace {

constexpr int64_t kLanes = kPanelWidth;
constexpr auto kLineBytes = kLanes * static_cast<int64_t>(sizeof(float));

/// The line of each lane of each position, `otherwise` of those outside the image.
std::vector<int32_t> lines_of(const StripGrid& grid, const PixelFrame& frame, int64_t otherwise) {
  std::vector<int32_t> lines;
  for (int64_t p = 0; p < grid.positions(); ++p) {
    for (int64_t l = 0; l < kLanes; ++l) {
      const int64_t y = l / grid.grid_w * grid.tile_h + p / grid.tile_w;
      const int64_t x = l % grid.grid_w * grid.tile_w + p % grid.tile_w;
      const bool inside = y < grid.height && x < grid.width;
      lines.push_back(static_cast<int32_t>(inside ? frame.first + y * frame.row + x * frame.column : otherwise));
    }
  }
  return lines;
}

class PixelStep final : public Step {
 public:
  PixelStep(const StepSource& source, std::unique_ptr<PixelOperator> made, StripInterior from, StripInterior to)
      : operator_(std::move(made)),
        from_(std::move(from)),
        to_(std::move(to)),
        batch_(source.type(source.input(0)).shape[0]),
        x_channels_(source.type(source.input(0)).shape[1]),
        channels_(source.type(source.output(0)).shape[1]),
        pitch_(source.pitch(source.output(0))),
        input_(source.work.inputs[0]),
        output_(source.work.outputs[0]) {
    // Behind the lines of pixels: one for lanes outside of X's image, one of zeros for those outside of Y's.
    const int64_t x_lines = operator_->loads[0].frame.lines;
    y_at_ = operator_->into_y ? 0 : x_lines + 1;
    memory_at_ = y_at_ + operator_->output.lines + 2;
    lines_ = memory_at_ + operator_->working_lines;
    for (const PixelOperator::Load& load : operator_->loads) {
      loads_.push_back(lines_of(from_.grid, load.frame, load.frame.lines));
    }
    stores_ = lines_of(to_.grid, operator_->output, operator_->output.lines + 1);
  }

  Status run(const Call& call) const override {
    const int64_t blocks = (channels_ + kLanes - 1) / kLanes, units = batch_ * blocks;
    if (units == 0) return success();
    const CallScope inside;
    Workers workers;
    workers.hook = call.parallel;
    if (call.threads > 1 && call.parallel == nullptr) workers.pool = &process_pool();
    const auto parts = static_cast<int>(std::clamp<int64_t>(workers.available(call.threads), 1, units));
    std::byte* const memory = reserve_scratch(parts * lines_ * kLineBytes);
    if (memory == nullptr) {
      return unsuitable("no memory for " + std::to_string(parts * lines_ * kLineBytes) + " bytes of pixels");
    }
    return workers.run(parts, parts, [&](int part) {
      float* const lines = reinterpret_cast<float*>(memory) + part * lines_ * kLanes;
      std::fill_n(lines, y_at_ * kLanes, operator_->border);
      std::fill_n(lines + (memory_at_ - 1) * kLanes, kLanes, 0.0f);
      for (int64_t unit = units * part / parts; unit < units * (part + 1) / parts; ++unit) {
        run_block(call, unit / blocks, unit % blocks, lines);
      }
    });
  }

 private:
  void run_block(const Call& call, int64_t image, int64_t block, float* lines) const {
    const int64_t channels = std::min(kLanes, channels_ - block * kLanes);
    for (size_t i = 0; i < loads_.size(); ++i) {
      const PixelOperator::Load& load = operator_->loads[i];
      const int64_t first = load.first + block * kLanes * load.step;
      const float* const x = call.at<const float>(input_) + (from_.first * x_channels_ + first) * kLanes;
      const int64_t positions = from_.grid.positions();
      for (int64_t p = 0; p < positions; ++p) {
        const int64_t at = from_.runs.at(image * positions + p) * x_channels_ * kLanes;
        line_transpose().scatter(x + at, load.step * kLanes, channels, loads_[i].data() + p * kLanes, lines);
      }
    }
    float* const y_lines = lines + y_at_ * kLanes;
    operator_->run(lines, block, lines + memory_at_ * kLanes, y_lines);
    float* const y = call.at<float>(output_) + (to_.first * pitch_ + block * kLanes) * kLanes;
    const int64_t positions = to_.grid.positions();
    for (int64_t p = 0; p < positions; ++p) {
      const int64_t at = to_.runs.at(image * positions + p) * pitch_ * kLanes;
      line_transpose().gather(y_lines, stores_.data() + p * kLanes, kLanes, channels, y + at);
    }
  }

  std::unique_ptr<PixelOperator> operator_;
  StripInterior from_, to_;
  int64_t batch_, x_channels_, channels_, pitch_;
  int32_t input_, output_;
  int64_t y_at_ = 0, memory_at_ = 0, lines_ = 0;  ///< of a block's lines: where Y's and working ones begin; of all
  std::vector<std::vector<int32_t>> loads_;
  std::vector<int32_t> stores_;
};

}  // namespace

Result<std::unique_ptr<Step>> make_pixel_step(const StepSource& source) {
  std::vector<std::optional<ops::Type>> inputs;
  for (const graph::ValueId id : source.node().inputs) {
    inputs.push_back(id == graph::kNoValue ? std::nullopt : std::optional(source.type_of(id)));
  }
  auto made = make_pixel_operator(source.graph, source.node(), inputs);
  auto from = interior_of(source.input(0).format), to = interior_of(source.output(0).format);
  const Error unfit = source.wrong("can't run by pixels on its image as it lies");
  const ops::Type &x = source.type(source.input(0)), &y = source.type(source.output(0));
  if (made == nullptr || !from || !to || source.input(0).value != source.node().inputs[0] ||
      source.output(0).value != source.node().outputs[0]) {
    return unfit;
  }
  const auto fits = [](const StripGrid& grid, const ops::Type& type) {
    return type.shape.size() == 4 && type.shape[2] == grid.height && type.shape[3] == grid.width;
  };
  if (!fits(from->grid, x) || !fits(to->grid, y) || x.shape[0] != y.shape[0]) return unfit;
  // What the operator makes of X is to be the whole of Y, and of channels that X has.
  const PixelFrame& frame = made->output;
  if (frame.first != 0 || frame.row != y.shape[3] || frame.lines != y.shape[2] * y.shape[3]) return unfit;
  for (const PixelOperator::Load& load : made->loads) {
    if (load.first + (y.shape[1] - 1) * load.step >= x.shape[1]) return unfit;
  }
  return std::unique_ptr<Step>(std::make_unique<PixelStep>(source, std::move(made), std::move(*from), std::move(*to)));
}

}  // namespace sparsmith::model
