#include "model/step.h"

#include <cstring>

#include "sparsmith/panel.h"

namespace sparsmith::model {
namespace {

class ConvertStep final : public Step {
 public:
  explicit ConvertStep(const StepSource& source)
      : type_(source.type(source.input(0))),
        from_(source.input(0).format),
        to_(source.output(0).format),
        input_(source.work.inputs[0]),
        output_(source.work.outputs[0]) {}
  Status run(const Call& call) const override {
    return convert(type_, from_, call.at<const void>(input_), to_, call.at<void>(output_), call.threads, call.parallel);
  }

 private:
  ops::Type type_;
  Format from_, to_;
  int32_t input_, output_;
};

/// Copies a value into its part of a larger one; both are on one grid.
class JoinStep final : public Step {
 public:
  JoinStep(const StepSource& source, StripInterior from, StripInterior to)
      : from_(std::move(from)),
        to_(std::move(to)),
        positions_(source.type(source.input(0)).shape[0] * from_.grid.positions()),
        channels_(source.type(source.input(0)).shape[1]),
        pitch_(source.pitch(source.output(0))),
        input_(source.work.inputs[0]),
        output_(source.work.outputs[0]) {}
  Status run(const Call& call) const override {
    const float* const x = call.at<const float>(input_) + from_.first * channels_ * kPanelWidth;
    float* const y = call.at<float>(output_) + to_.first * pitch_ * kPanelWidth;
    const size_t bytes = static_cast<size_t>(channels_ * kPanelWidth) * sizeof(float);
    for (int64_t p = 0; p < positions_; ++p) {
      std::memcpy(y + to_.runs.at(p) * pitch_ * kPanelWidth, x + from_.runs.at(p) * channels_ * kPanelWidth, bytes);
    }
    return success();
  }

 private:
  StripInterior from_, to_;
  int64_t positions_, channels_, pitch_;
  int32_t input_, output_;
};

class HaloStep final : public Step {
 public:
  explicit HaloStep(const StepSource& source)
      : conv_(source.output(0).format.conv),
        batch_(source.type(source.output(0)).shape[0]),
        channels_(source.type(source.output(0)).shape[1]),
        buffer_(source.work.outputs[0]) {}
  Status run(const Call& call) const override {
    if (batch_ * channels_ == 0) return success();
    return fill_strip_halo(call.at<float>(buffer_), batch_, channels_, conv_, call.threads, call.parallel);
  }

 private:
  Conv2d conv_;
  int64_t batch_, channels_;
  int32_t buffer_;
};

}  // namespace

Error StepSource::wrong(const std::string& what) const {
  return bad_input(graph::describe(graph, node()) + " " + what);
}

Result<std::unique_ptr<Step>> make_convert_step(const StepSource& source) {
  const Buffer &from = source.input(0), &to = source.output(0);
  if (to.is_part()) {
    auto x = interior_of(from.format), y = interior_of(to.format);
    if (from.value != to.value || !x || !y || !(x->grid == y->grid)) {
      return source.wrong("has a value in " + describe(from.format) + ", which isn't a part of " + describe(to.format));
    }
    return std::unique_ptr<Step>(std::make_unique<JoinStep>(source, std::move(*x), std::move(*y)));
  }
  if (from.value != to.value || !convertible(from.format, to.format)) {
    return source.wrong("has a value in " + describe(from.format) + ", which can't be copied to " +
                        describe(to.format));
  }
  return std::unique_ptr<Step>(std::make_unique<ConvertStep>(source));
}

Result<std::unique_ptr<Step>> make_halo_step(const StepSource& source) {
  const Format& format = source.output(0).format;
  if (format.kind != Format::Kind::strips || !interior_of(format) || source.work.inputs != source.work.outputs) {
    return source.wrong("has a halo to fill where there is none");
  }
  return std::unique_ptr<Step>(std::make_unique<HaloStep>(source));
}

Result<std::unique_ptr<Step>> make_step(const StepSource& source) {
  switch (source.work.kind) {
    case Work::Kind::kernel:
      return make_kernel_step(source);
    case Work::Kind::blocked:
      return make_blocked_step(source);
    case Work::Kind::pool:
      return make_pool_step(source);
    case Work::Kind::pixels:
      return make_pixel_step(source);
    case Work::Kind::mean:
      return make_mean_step(source);
    case Work::Kind::convert:
      return make_convert_step(source);
    case Work::Kind::halo:
      return make_halo_step(source);
    case Work::Kind::reference:
      break;
  }
  return internal_error("a step for an operator that the evaluator has");
}

}  // namespace sparsmith::model
