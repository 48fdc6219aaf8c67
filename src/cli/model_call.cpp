#include "cli/model_call.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>

#include "cli/model_options.h"
#include "cli/report.h"

namespace sparsmith::cli {

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

ModelCall::ModelCall(const Model& model, std::span<const NamedTensor> inputs, int threads)
    : model_(model), threads_(threads) {
  static const std::byte kNothing{};  // an array without elements still needs a place
  for (const NamedTensor& input : inputs) {
    shapes_.push_back(input.shape);
    inputs_.push_back({input.bytes.empty() ? &kNothing : input.bytes.data(), input.shape});
  }
  const auto shapes = take(model.output_shapes(shapes_));
  for (size_t i = 0; i < shapes.size(); ++i) {
    const TensorInfo& info = model.outputs()[i];
    int64_t bytes = size_of(info.element);
    for (const int64_t size : shapes[i]) bytes *= size;
    NamedTensor& output = outputs_.emplace_back(NamedTensor{info.name, info.element, shapes[i], {}});
    output.bytes.reserve(static_cast<size_t>(std::max<int64_t>(bytes, 1)));
    output.bytes.resize(static_cast<size_t>(bytes));
  }
  for (NamedTensor& output : outputs_) targets_.push_back(output.bytes.data());
}

void ModelCall::run(std::span<int64_t> step_ns) {
  ModelArgs args;
  args.inputs = inputs_;
  args.outputs = targets_;
  args.threads = threads_;
  args.step_ns = step_ns;
  check(model_.run(args));
}

std::vector<int64_t> ModelCall::time(int64_t runs) {
  std::vector<int64_t> times;
  times.reserve(static_cast<size_t>(runs));
  for (int64_t i = 0; i < runs; ++i) {
    const int64_t start = now_ns();
    run();
    times.push_back(now_ns() - start);
  }
  return times;
}

std::vector<int64_t> ModelCall::time_steps(int64_t runs) {
  std::vector<int64_t> best(model_.steps().size(), INT64_MAX), step_ns(best.size());
  for (int64_t i = 0; i < runs; ++i) {
    run(step_ns);
    for (size_t s = 0; s < best.size(); ++s) best[s] = std::min(best[s], step_ns[s]);
  }
  return best;
}

std::vector<NamedTensor> random_inputs(const Model& model) {
  std::mt19937 generator(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  const auto shapes = smallest_shapes(model);
  std::vector<NamedTensor> inputs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const TensorInfo& info = model.inputs()[i];
    NamedTensor& input = inputs.emplace_back(NamedTensor{info.name, info.element, shapes[i], {}});
    int64_t count = 1;
    for (const int64_t size : shapes[i]) count *= size;
    input.bytes.resize(static_cast<size_t>(count * size_of(info.element)));
    if (info.element != ElementType::f32) continue;
    for (int64_t e = 0; e < count; ++e) {
      const float value = uniform(generator);
      std::memcpy(input.bytes.data() + e * static_cast<int64_t>(sizeof value), &value, sizeof value);
    }
  }
  return inputs;
}

}  // namespace sparsmith::cli
