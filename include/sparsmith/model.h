/// \file
/// A whole compiled model: loaded from one artifact, run on plain tensors. Everything here is in libsparsmith_runtime,
/// which needs neither LLVM nor protobuf.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sparsmith/parallel.h"
#include "sparsmith/result.h"

namespace sparsmith {

enum class ElementType : uint8_t { f32, f64, f16, bf16, i8, u8, i16, u16, i32, u32, i64, u64, boolean };

int64_t size_of(ElementType type);        ///< bytes of an element
const char* to_string(ElementType type);  ///< "float32", "int64", ... as numpy names them

/// An input or output as the model declares it.
struct TensorInfo {
  std::string name;
  ElementType element = ElementType::f32;
  std::vector<int64_t> shape;  ///< -1: any size, as that of a batch
};

/// One input of a call: elements in C order, of the type that Model::inputs() says.
struct InputTensor {
  const void* data = nullptr;
  std::span<const int64_t> shape;
};

/// The operands of one call. Nothing is owned; outputs overlap neither inputs nor each other.
struct ModelArgs {
  std::span<const InputTensor> inputs;    ///< one for each of Model::inputs()
  std::span<void* const> outputs;         ///< one for each of Model::outputs(), of the size that output_shapes() says
  int threads = 1;                        ///< at most so many work on the call; results do not depend on it
  const ParallelFor* parallel = nullptr;  ///< the application's own threads instead (not owned)
  std::span<int64_t> step_ns = {};        ///< where not empty: gets the time of each of Model::steps()
};

/// A piece of work of a call.
struct ModelStep {
  std::string layer;   ///< the node of the model that it computes, or is done for
  std::string op;      ///< that node's operator: "Conv", "MatMul", "Softmax"...; "" where values are only passed on
  std::string kind;    ///< "sparse", "dense", ... of a generated kernel (Form); "in strips", "by pixels"; "convert";
                       ///< "reference path"
  std::string detail;  ///< what it does, one clause
  int kernel = -1;     ///< index of Model::kernels(), or -1
};

class Kernel;

/// What a call of some input shapes takes.
struct ModelMemory {
  /// Working memory of one call: all activations, buffers reused. Of a batch in slices (where no image knows of
  /// another, as many at a time as stay in the second-level cache) that of one slice; each thread has its own.
  int64_t activation_bytes = 0;
  int64_t unshared_bytes = 0;  ///< what they would take without reuse
};

/// Move-only. All members may be called from many threads at once.
class Model {
 public:
  /// Reads an artifact, checks all of it, maps the code of the best target that this machine can run. bad_input: not a
  /// model's artifact, damaged, or of a newer format; unsuitable: made for CPUs with features that this one lacks.
  static Result<Model> load(const std::string& path);
  /// The same of bytes in memory, which need not outlive the call. `origin` is how messages name them.
  static Result<Model> from_bytes(std::span<const std::byte> artifact, const std::string& origin = "model");

  const std::string& name() const;
  const std::string& target() const;  ///< Target::to_string() of the code that was taken
  const std::vector<TensorInfo>& inputs() const;
  const std::vector<TensorInfo>& outputs() const;

  /// Shapes of the outputs for inputs of such shapes. bad_input: shapes that don't fit the model.
  Result<std::vector<std::vector<int64_t>>> output_shapes(std::span<const std::vector<int64_t>> input_shapes) const;
  Result<ModelMemory> memory(std::span<const std::vector<int64_t>> input_shapes) const;

  /// Computes all outputs. The first call with new input shapes makes what it needs for them (a few ms, memory() bytes
  /// for each call that goes on at the same time); later ones take no memory.
  Status run(const ModelArgs& args) const;

  /// The work of a call, in order.
  const std::vector<ModelStep>& steps() const;
  const std::vector<Kernel>& kernels() const;

  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace sparsmith
