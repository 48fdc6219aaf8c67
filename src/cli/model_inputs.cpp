// The arrays of a file as the inputs of a model.
#include <algorithm>

#include "cli/model_options.h"
#include "cli/model_run.h"
#include "cli/report.h"

namespace sparsmith::cli {
namespace {

std::string expected_inputs(const Model& model) {
  std::string text = "the model takes ";
  for (const TensorInfo& info : model.inputs()) {
    text += (&info == model.inputs().data() ? "\"" : "; \"") + info.name + "\" " + describe(info);
  }
  return text;
}

void check_type_and_shape(const TensorInfo& info, const NamedTensor& tensor, const std::string& path) {
  const std::string name = tensor.name.empty() ? path : path + ":" + tensor.name;
  if (tensor.element != info.element) {
    fail(name + " is " + to_string(tensor.element) + "; the model takes \"" + info.name + "\" as " + describe(info),
         std::string("convert it with .astype(numpy.") + to_string(info.element) + ")");
  }
  const auto fits = [](int64_t size, int64_t declared) { return declared < 0 || size == declared; };
  if (!std::ranges::equal(tensor.shape, info.shape, fits)) {
    const std::string rank = tensor.shape.size() == info.shape.size()
                                 ? ""
                                 : " of " + std::to_string(tensor.shape.size()) + " dimensions rather than " +
                                       std::to_string(info.shape.size());
    fail(name + " has shape " + shape_text(tensor.shape) + rank + "; the model takes \"" + info.name + "\" as " +
         describe(info));
  }
}

}  // namespace

std::vector<NamedTensor> match_inputs(const Model& model, std::vector<NamedTensor> tensors, const std::string& path) {
  const auto& inputs = model.inputs();
  if (tensors.size() == 1 && (inputs.size() == 1 || tensors[0].name.empty())) {
    if (inputs.size() != 1) {
      fail(path + " holds one array without a name, but " + expected_inputs(model), "save them by name to an .npz");
    }
    check_type_and_shape(inputs[0], tensors[0], path);
    return tensors;
  }
  for (const NamedTensor& tensor : tensors) {
    if (std::ranges::find(inputs, tensor.name, &TensorInfo::name) == inputs.end()) {
      fail(path + " holds \"" + tensor.name + "\", which is no input of the model", expected_inputs(model));
    }
  }
  std::vector<NamedTensor> matched;
  for (const TensorInfo& info : inputs) {
    const auto found = std::ranges::find(tensors, info.name, &NamedTensor::name);
    if (found == tensors.end()) fail(path + " has no array named \"" + info.name + "\"", expected_inputs(model));
    check_type_and_shape(info, *found, path);
    matched.push_back(std::move(*found));
  }
  return matched;
}

}  // namespace sparsmith::cli
