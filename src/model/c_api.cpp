#include "sparsmith/c_api.h"

#include <algorithm>
#include <array>
#include <exception>
#include <initializer_list>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sparsmith/model.h"

struct sparsmith_model {
  sparsmith::Model model;
  std::vector<sparsmith_tensor_info> inputs, outputs;  ///< their names are the model's
};

namespace {

using sparsmith::bad_input;
using sparsmith::Error;
using sparsmith::ErrorKind;
using sparsmith::Result;
using sparsmith::Status;
using Shapes = std::vector<std::vector<int64_t>>;

static_assert(static_cast<int>(sparsmith::ElementType::f32) == SPARSMITH_FLOAT32 &&
              static_cast<int>(sparsmith::ElementType::bf16) == SPARSMITH_BFLOAT16 &&
              static_cast<int>(sparsmith::ElementType::u8) == SPARSMITH_UINT8 &&
              static_cast<int>(sparsmith::ElementType::i64) == SPARSMITH_INT64 &&
              static_cast<int>(sparsmith::ElementType::boolean) == SPARSMITH_BOOL);

/// Calls with more inputs than this take memory.
constexpr size_t kInputsInPlace = 16;

struct LastError {
  std::string message, hint;
};
thread_local LastError last_error;
/// Instead of the message where there is no memory for one.
thread_local bool out_of_memory = false;

sparsmith_status fail(const Error& error) noexcept {
  try {
    LastError copy{error.message, error.hint};
    std::swap(last_error, copy);
    out_of_memory = false;
  } catch (const std::bad_alloc&) {
    out_of_memory = true;
  }
  switch (error.kind) {
    case ErrorKind::bad_input:
      return SPARSMITH_BAD_INPUT;
    case ErrorKind::unsuitable:
      return SPARSMITH_UNSUITABLE;
    case ErrorKind::internal:
      break;
  }
  return SPARSMITH_INTERNAL;
}

/// What `body` returns, with nothing thrown across the edge.
template <class Body>
sparsmith_status guarded(const Body& body) noexcept {
  try {
    const Status done = body();
    return done ? SPARSMITH_OK : fail(done.error());
  } catch (const std::bad_alloc&) {
    out_of_memory = true;
    return SPARSMITH_UNSUITABLE;
  } catch (const std::exception& unexpected) {
    try {
      return fail(sparsmith::internal_error(std::string("an exception that nothing expected: ") + unexpected.what()));
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
      return SPARSMITH_INTERNAL;
    }
  }
}

struct Argument {
  const char* name;
  const void* value;
};

Status given(const char* function, std::initializer_list<Argument> arguments) {
  for (const Argument& argument : arguments) {
    if (argument.value == nullptr) return bad_input(std::string(function) + ": " + argument.name + " is NULL");
  }
  return sparsmith::success();
}

/// An array that may be NULL where it is empty.
Argument array(const char* name, const void* value, size_t count) {
  return {name, count == 0 ? static_cast<const void*>(name) : value};
}

Error wrong_count(const char* what, size_t expected, size_t given) {
  return bad_input("the model has " + std::to_string(expected) + " " + what + "; " + std::to_string(given) +
                   " were passed");
}

Status check_rank(const sparsmith_shape& shape, const std::string& name) {
  if (shape.rank >= 0 && shape.rank <= SPARSMITH_MAX_RANK) return sparsmith::success();
  return bad_input("the shape for input \"" + name + "\" has rank " + std::to_string(shape.rank) + "; 0 to " +
                   std::to_string(SPARSMITH_MAX_RANK) + " are possible");
}

Result<sparsmith_shape> to_c(std::span<const int64_t> sizes, const std::string& name) {
  if (sizes.size() > SPARSMITH_MAX_RANK) {
    return sparsmith::unsuitable("\"" + name + "\" has " + std::to_string(sizes.size()) +
                                     " dimensions; the C interface has room for " + std::to_string(SPARSMITH_MAX_RANK),
                                 "use the C++ interface");
  }
  sparsmith_shape shape{static_cast<int32_t>(sizes.size()), {}};
  std::copy(sizes.begin(), sizes.end(), shape.sizes);
  return shape;
}

Result<std::vector<sparsmith_tensor_info>> to_c(const std::vector<sparsmith::TensorInfo>& infos) {
  std::vector<sparsmith_tensor_info> all;
  for (const sparsmith::TensorInfo& info : infos) {
    const auto shape = to_c(info.shape, info.name);
    if (!shape) return shape.error();
    all.push_back({info.name.c_str(), static_cast<sparsmith_element>(info.element), *shape});
  }
  return all;
}

/// Gives a loaded model to the caller.
Status hand_over(Result<sparsmith::Model> loaded, sparsmith_model** model) {
  if (!loaded) return loaded.error();
  auto inputs = to_c(loaded->inputs()), outputs = to_c(loaded->outputs());
  if (!inputs) return inputs.error();
  if (!outputs) return outputs.error();
  *model = new sparsmith_model{std::move(*loaded), std::move(*inputs), std::move(*outputs)};
  return sparsmith::success();
}

Result<Shapes> shapes_of(const sparsmith_model& model, const sparsmith_shape* inputs, size_t count) {
  if (count != model.inputs.size()) return wrong_count("inputs", model.inputs.size(), count);
  Shapes shapes;
  for (size_t i = 0; i < count; ++i) {
    if (Status usable = check_rank(inputs[i], model.inputs[i].name); !usable) return usable.error();
    shapes.emplace_back(inputs[i].sizes, inputs[i].sizes + inputs[i].rank);
  }
  return shapes;
}

sparsmith_status hand_out(const char* function, const sparsmith_model* model,
                          std::vector<sparsmith_tensor_info> sparsmith_model::*which,
                          const sparsmith_tensor_info** infos, size_t* count) {
  return guarded([&]() -> Status {
    if (Status all = given(function, {{"model", model}, {"infos", infos}, {"count", count}}); !all) return all;
    *infos = (model->*which).data();
    *count = (model->*which).size();
    return sparsmith::success();
  });
}

}  // namespace

extern "C" {

const char* sparsmith_last_error() { return out_of_memory ? "no memory" : last_error.message.c_str(); }
const char* sparsmith_last_hint() { return out_of_memory ? "" : last_error.hint.c_str(); }

size_t sparsmith_element_size(sparsmith_element element) {
  if (element < SPARSMITH_FLOAT32 || element > SPARSMITH_BOOL) return 0;
  return static_cast<size_t>(sparsmith::size_of(static_cast<sparsmith::ElementType>(element)));
}

sparsmith_status sparsmith_model_load(const char* path, sparsmith_model** model) {
  return guarded([&, function = __func__]() -> Status {
    if (Status all = given(function, {{"path", path}, {"model", model}}); !all) return all;
    return hand_over(sparsmith::Model::load(path), model);
  });
}

sparsmith_status sparsmith_model_from_bytes(const void* artifact, size_t size, const char* origin,
                                            sparsmith_model** model) {
  return guarded([&, function = __func__]() -> Status {
    if (Status all = given(function, {{"artifact", artifact}, {"model", model}}); !all) return all;
    const std::span bytes(static_cast<const std::byte*>(artifact), size);
    return hand_over(sparsmith::Model::from_bytes(bytes, origin == nullptr ? "model" : origin), model);
  });
}

void sparsmith_model_free(sparsmith_model* model) { delete model; }

const char* sparsmith_model_name(const sparsmith_model* model) {
  return model == nullptr ? nullptr : model->model.name().c_str();
}

const char* sparsmith_model_target(const sparsmith_model* model) {
  return model == nullptr ? nullptr : model->model.target().c_str();
}

sparsmith_status sparsmith_model_inputs(const sparsmith_model* model, const sparsmith_tensor_info** infos,
                                        size_t* count) {
  return hand_out(__func__, model, &sparsmith_model::inputs, infos, count);
}

sparsmith_status sparsmith_model_outputs(const sparsmith_model* model, const sparsmith_tensor_info** infos,
                                         size_t* count) {
  return hand_out(__func__, model, &sparsmith_model::outputs, infos, count);
}

sparsmith_status sparsmith_model_output_shapes(const sparsmith_model* model, const sparsmith_shape* inputs,
                                               size_t input_count, sparsmith_shape* outputs, size_t output_count) {
  return guarded([&, function = __func__]() -> Status {
    const auto arrays = {Argument{"model", model}, array("inputs", inputs, input_count),
                         array("outputs", outputs, output_count)};
    if (Status all = given(function, arrays); !all) return all;
    if (output_count != model->outputs.size()) return wrong_count("outputs", model->outputs.size(), output_count);
    const auto shapes = shapes_of(*model, inputs, input_count);
    if (!shapes) return shapes.error();
    const auto computed = model->model.output_shapes(*shapes);
    if (!computed) return computed.error();
    std::vector<sparsmith_shape> all;
    for (size_t i = 0; i < output_count; ++i) {
      const auto shape = to_c((*computed)[i], model->outputs[i].name);
      if (!shape) return shape.error();
      all.push_back(*shape);
    }
    std::copy(all.begin(), all.end(), outputs);
    return sparsmith::success();
  });
}

sparsmith_status sparsmith_model_memory(const sparsmith_model* model, const sparsmith_shape* inputs, size_t input_count,
                                        int64_t* activation_bytes) {
  return guarded([&, function = __func__]() -> Status {
    const auto arguments = {Argument{"model", model}, array("inputs", inputs, input_count),
                            Argument{"activation_bytes", activation_bytes}};
    if (Status all = given(function, arguments); !all) return all;
    const auto shapes = shapes_of(*model, inputs, input_count);
    if (!shapes) return shapes.error();
    const auto memory = model->model.memory(*shapes);
    if (!memory) return memory.error();
    *activation_bytes = memory->activation_bytes;
    return sparsmith::success();
  });
}

sparsmith_status sparsmith_model_run(const sparsmith_model* model, const sparsmith_input* inputs, size_t input_count,
                                     void* const* outputs, size_t output_count, int threads) {
  return guarded([&, function = __func__]() -> Status {
    const auto arrays = {Argument{"model", model}, array("inputs", inputs, input_count),
                         array("outputs", outputs, output_count)};
    if (Status all = given(function, arrays); !all) return all;
    if (input_count != model->inputs.size()) return wrong_count("inputs", model->inputs.size(), input_count);
    std::array<sparsmith::InputTensor, kInputsInPlace> in_place;
    std::vector<sparsmith::InputTensor> in_memory(input_count > kInputsInPlace ? input_count : 0);
    const std::span<sparsmith::InputTensor> tensors =
        in_memory.empty() ? std::span(in_place).first(input_count) : std::span(in_memory);
    for (size_t i = 0; i < input_count; ++i) {
      if (Status usable = check_rank(inputs[i].shape, model->inputs[i].name); !usable) return usable;
      tensors[i] = {inputs[i].data, {inputs[i].shape.sizes, static_cast<size_t>(inputs[i].shape.rank)}};
    }
    sparsmith::ModelArgs args;
    args.inputs = tensors;
    args.outputs = {outputs, output_count};
    args.threads = threads;
    return model->model.run(args);
  });
}

}  // extern "C"
