#include "model/step.h"

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
