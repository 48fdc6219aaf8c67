// What `explain` says of a whole model, as JSON.
#include <nlohmann/json.hpp>

#include "cli/model_options.h"
#include "cli/model_report.h"

namespace sparsmith::cli {
namespace {

using Json = nlohmann::ordered_json;

Json time_or_null(double ns) { return ns > 0 ? Json(ns) : Json(nullptr); }

Json tensor_json(const TensorInfo& info) {
  Json shape = Json::array();
  for (const int64_t size : info.shape) shape.push_back(size < 0 ? Json(nullptr) : Json(size));
  return {{"name", info.name}, {"type", to_string(info.element)}, {"shape", shape}};
}

Json layer_json(const LayerReport& layer) {
  const Kernel& kernel = *layer.kernel;
  const Plan& plan = kernel.plan();
  Json json{{"m", kernel.m()},
            {"k", kernel.k()},
            {"positions", plan.n},
            {"nonzeros", kernel.nnz()},
            {"density", layer.pattern.density()},
            {"pattern", layer.pattern_class},
            {"predicted_sparse_ns", time_or_null(layer.times.sparse_ns)},
            {"predicted_dense_ns", time_or_null(layer.times.dense_ns)},
            {"tuned_sparse_ns", time_or_null(layer.times.sparse_measured_ns)},
            {"tuned_dense_ns", time_or_null(layer.times.dense_measured_ns)},
            {"break_even_density", layer.break_even ? Json(*layer.break_even) : Json(nullptr)},
            {"code_bytes", kernel.report().code_bytes},
            {"form", chosen_form(plan)},
            {"chosen", plan.chosen.describe()},
            {"why", plan.reason}};
  if (const auto& conv = kernel.problem().conv) {
    json["conv"] = {{"kernel", {conv->kernel_h, conv->kernel_w}},
                    {"stride", {conv->stride_h, conv->stride_w}},
                    {"groups", conv->groups}};
  }
  return json;
}

}  // namespace

std::string report_json(const ModelReport& report) {
  Json steps = Json::array(), inputs = Json::array(), outputs = Json::array();
  for (const StepReport& step : report.steps) {
    Json json{{"layer", step.step.layer}, {"op", step.step.op}, {"kind", step.step.kind}, {"detail", step.step.detail}};
    json["measured_ns"] = report.measured ? Json(step.measured_ns) : Json(nullptr);
    if (step.step.kernel >= 0) json["kernel"] = layer_json(report.layers[static_cast<size_t>(step.step.kernel)]);
    steps.push_back(std::move(json));
  }
  for (const TensorInfo& info : report.model.inputs()) inputs.push_back(tensor_json(info));
  for (const TensorInfo& info : report.model.outputs()) outputs.push_back(tensor_json(info));
  const Json all{{"file", report.file},
                 {"name", report.model.name()},
                 {"target", report.model.target()},
                 {"inputs", inputs},
                 {"outputs", outputs},
                 {"steps", steps},
                 {"total",
                  {{"predicted_ns", report.predicted_ns()},
                   {"predicted_dense_ns", report.predicted_dense_ns()},
                   {"measured_layers_ns", report.measured ? Json(report.measured_ns(true)) : Json(nullptr)},
                   {"measured_steps_ns", report.measured ? Json(report.measured_ns(false)) : Json(nullptr)},
                   {"measured_call_ns", report.measured ? Json(report.call_ns) : Json(nullptr)},
                   {"threads", report.threads}}},
                 {"peak_activation_bytes", report.memory.activation_bytes},
                 {"unshared_activation_bytes", report.memory.unshared_bytes}};
  return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sparsmith::cli
