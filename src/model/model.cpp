#include "sparsmith/model.h"

#include <mutex>
#include <new>

#include "artifact/file_io.h"
#include "model/model_file.h"
#include "model/pairs.h"
#include "model/slices.h"
#include "runtime/parallel.h"

namespace sparsmith {
namespace {

using model::Session;

/// Sessions that are kept for input shapes seen before.
constexpr size_t kMostSessions = 16;

/// Parts in huge pages: faulting a large model in takes as long as checking it.
class FileSource : public model::Source {
 public:
  FileSource(InputFile file, const std::string& path) : file_(std::move(file)), path_(path) {}
  uint64_t size() const override { return static_cast<uint64_t>(file_.size()); }
  Result<std::string_view> part(uint64_t at, uint64_t bytes) override {
    auto read = file_.read(static_cast<int64_t>(at), static_cast<int64_t>(bytes));
    if (!read) return read.error();
    part_ = std::move(*read);
    if (part_.bytes().size() != bytes)
      return bad_input(path_ + " became shorter while it was read", "read it again once it is written");
    return part_.bytes();
  }

 private:
  InputFile file_;
  const std::string& path_;
  FileBuffer part_;
};

TensorInfo info_of(const graph::Value& value) {
  TensorInfo info{value.name, value.type.value_or(ElementType::f32), {}};
  for (const graph::Dimension& dimension : value.shape.value_or(graph::Shape{})) info.shape.push_back(dimension.size);
  return info;
}

std::string kind_of(const model::Program& program, const model::Work& work) {
  switch (work.kind) {
    case model::Work::Kind::kernel:
      return to_string(program.kernels[static_cast<size_t>(work.kernel)].plan().chosen.form);
    case model::Work::Kind::convert:
    case model::Work::Kind::halo:
      return "convert";
    case model::Work::Kind::reference:
      return "reference path";
    case model::Work::Kind::pixels:
      return "by pixels";
    default:
      return "in strips";
  }
}

std::string detail_of(const graph::Graph& graph, const model::Program& program, const model::Work& work) {
  const auto buffer = [&](int32_t b) { return program.buffers[static_cast<size_t>(b)]; };
  switch (work.kind) {
    case model::Work::Kind::kernel:
      return program.kernels[static_cast<size_t>(work.kernel)].plan().chosen.describe();
    case model::Work::Kind::convert:
      return describe(buffer(work.inputs[0]).format) + " to " + describe(buffer(work.outputs[0]).format);
    case model::Work::Kind::halo:
      return "halo of " + describe(buffer(work.outputs[0]).format);
    default:
      return graph.nodes[static_cast<size_t>(work.node)].op;
  }
}

}  // namespace

struct Model::Impl {
  static Result<Model> model_of(Result<model::ModelBytes> read);

  graph::Graph graph;
  model::Program program;
  std::vector<TensorInfo> inputs, outputs;
  std::vector<ModelStep> steps;
  bool images_apart = false;  ///< lower::keeps_images_apart

  mutable std::mutex mutex;
  mutable std::vector<std::shared_ptr<const Session>> sessions;  ///< the last used one first

  /// How inputs of these shapes are computed; shape_of(i): input i's.
  template <class ShapeOf>
  Result<model::Slices> slices(const ShapeOf& shape_of) const {
    // With `images` in place of the first dimension, unless 0.
    const auto find = [&](int64_t images) {
      const auto matches = [&](const Session& session) {
        for (size_t i = 0; i < graph.inputs.size(); ++i) {
          const std::span<const int64_t> wanted = shape_of(i), own = session.shapes()[i];
          const size_t skip = images > 0 ? 1 : 0;
          if (wanted.size() != own.size() || (images > 0 && own[0] != images) ||
              !std::equal(wanted.begin() + skip, wanted.end(), own.begin() + skip))
            return false;
        }
        return true;
      };
      return find_session(matches, [&] {
        std::vector<std::vector<int64_t>> shapes;
        for (size_t i = 0; i < graph.inputs.size(); ++i) {
          const std::span<const int64_t> wanted = shape_of(i);
          shapes.emplace_back(wanted.begin(), wanted.end());
          if (images > 0) shapes.back()[0] = images;
        }
        return shapes;
      });
    };
    if (const int64_t batch = batch_of(shape_of); batch > 1 && batch <= model::kMostSlicedImages) {
      if (const auto one = find(1)) {
        const int64_t images = model::images_per_slice((*one)->memory(), batch), left = batch % images;
        if (images < batch) {
          const auto slice = images == 1 ? one : find(images), rest = left == 0 ? slice : find(left);
          if (slice && rest && are_parts(graph, **one, **slice, images) &&
              (left == 0 || are_parts(graph, **one, **rest, left))) {
            return model::Slices{*slice, left == 0 ? nullptr : *rest, images, batch};
          }
        }
      }
    }
    auto whole = find(0);
    if (!whole) return whole.error();
    return model::Slices{nullptr, *whole};
  }

  /// bad_input: not as many shapes as inputs.
  Result<model::Slices> slices_of(std::span<const std::vector<int64_t>> shapes) const {
    if (shapes.size() != graph.inputs.size()) {
      return bad_input("the model has " + std::to_string(graph.inputs.size()) + " inputs; shapes of " +
                       std::to_string(shapes.size()) + " were passed");
    }
    return slices([&](size_t i) { return std::span<const int64_t>(shapes[i]); });
  }

  /// The first dimension of all inputs, where a batch may be computed in parts; else 0.
  template <class ShapeOf>
  int64_t batch_of(const ShapeOf& shape_of) const {
    if (!images_apart || graph.inputs.size() > model::kMostSlicedOperands ||
        graph.outputs.size() > model::kMostSlicedOperands)
      return 0;
    int64_t batch = 0;
    for (size_t i = 0; i < graph.inputs.size(); ++i) {
      const std::span<const int64_t> shape = shape_of(i);
      if (shape.empty() || (i > 0 && shape[0] != batch)) return 0;
      batch = shape[0];
    }
    return batch;
  }

  /// The session whose shapes match, or a new one.
  template <class Matches, class Shapes>
  Result<std::shared_ptr<const Session>> find_session(const Matches& matches, const Shapes& shapes) const {
    {
      const std::lock_guard lock(mutex);
      for (size_t i = 0; i < sessions.size(); ++i) {
        if (!matches(*sessions[i])) continue;
        std::rotate(sessions.begin(), sessions.begin() + static_cast<ptrdiff_t>(i),
                    sessions.begin() + static_cast<ptrdiff_t>(i) + 1);
        return sessions.front();
      }
    }
    auto made = Session::create(graph, program, shapes());
    if (!made) return made.error();
    std::shared_ptr<const Session> session(std::move(*made));
    const std::lock_guard lock(mutex);
    if (sessions.size() == kMostSessions) sessions.pop_back();
    sessions.insert(sessions.begin(), session);
    return session;
  }
};

Result<Model> Model::Impl::model_of(Result<model::ModelBytes> read) {
  if (!read) return read.error();
  auto impl = std::make_unique<Impl>();
  impl->graph = std::move(read->graph);
  impl->program = std::move(read->program);
  impl->images_apart = read->images_apart;
  for (const graph::ValueId id : impl->graph.inputs) {
    impl->inputs.push_back(info_of(impl->graph.values[static_cast<size_t>(id)]));
  }
  for (const graph::ValueId id : impl->graph.outputs) {
    impl->outputs.push_back(info_of(impl->graph.values[static_cast<size_t>(id)]));
  }
  for (const model::Work& work : impl->program.works) {
    const graph::Node& node = impl->graph.nodes[static_cast<size_t>(work.node)];
    std::string layer = node.name;
    if (layer.empty() && !node.outputs.empty() && node.outputs[0] != graph::kNoValue) {
      layer = impl->graph.values[static_cast<size_t>(node.outputs[0])].name;
    }
    const bool passes_on = work.kind == model::Work::Kind::convert || work.kind == model::Work::Kind::halo;
    impl->steps.push_back({std::move(layer), passes_on ? "" : node.op, kind_of(impl->program, work),
                           detail_of(impl->graph, impl->program, work), work.kernel});
  }
  const std::vector<int32_t> before = model::works_before(impl->graph, impl->program);
  for (size_t w = 0; w < before.size(); ++w) {
    if (before[w] == model::Work::kNone) continue;
    ModelStep &first = impl->steps[static_cast<size_t>(before[w])], &second = impl->steps[w];
    first.detail += "; in one call with " + second.layer + ", whose time is that of both";
    second.detail += "; with " + first.layer + " before it";
  }
  return Model(std::move(impl));
}

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Result<Model> Model::load(const std::string& path) {
  try {
    auto file = InputFile::open(path);
    if (!file) return file.error();
    if (file->size() > 0) {
      FileSource source(std::move(*file), path);
      return Impl::model_of(model::deserialize(source, path));
    }
    const auto piped = file->read_stream(model::kMaxModelBytes);
    if (!piped) return piped.error();
    return from_bytes(std::as_bytes(std::span(*piped)), path);
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory to load " + path);
  }
}

Result<Model> Model::from_bytes(std::span<const std::byte> artifact, const std::string& origin) {
  try {
    const std::string_view bytes(reinterpret_cast<const char*>(artifact.data()), artifact.size());
    return Impl::model_of(model::deserialize(bytes, origin));
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory to load " + origin);
  }
}

const std::string& Model::name() const { return impl_->graph.name; }
const std::string& Model::target() const { return impl_->program.target; }
const std::vector<TensorInfo>& Model::inputs() const { return impl_->inputs; }
const std::vector<TensorInfo>& Model::outputs() const { return impl_->outputs; }
const std::vector<ModelStep>& Model::steps() const { return impl_->steps; }
const std::vector<Kernel>& Model::kernels() const { return impl_->program.kernels; }

Result<std::vector<std::vector<int64_t>>> Model::output_shapes(
    std::span<const std::vector<int64_t>> input_shapes) const {
  try {
    const auto slices = impl_->slices_of(input_shapes);
    if (!slices) return slices.error();
    std::vector<std::vector<int64_t>> shapes;
    for (const graph::ValueId id : impl_->graph.outputs) {
      auto& shape = shapes.emplace_back(slices->any().type(id).shape);
      if (slices->batch > 0) shape[0] = shape[0] / slices->images * slices->batch;
    }
    return shapes;
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory for inputs of these shapes");
  }
}

Result<ModelMemory> Model::memory(std::span<const std::vector<int64_t>> input_shapes) const {
  try {
    const auto slices = impl_->slices_of(input_shapes);
    if (!slices) return slices.error();
    return slices->any().memory();
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory for inputs of these shapes");
  }
}

Status Model::run(const ModelArgs& args) const {
  const auto count = [](const char* what, size_t expected, size_t given) {
    return bad_input("the model has " + std::to_string(expected) + " " + what + "; " + std::to_string(given) +
                     " were passed");
  };
  if (args.inputs.size() != impl_->inputs.size()) return count("inputs", impl_->inputs.size(), args.inputs.size());
  if (args.outputs.size() != impl_->outputs.size()) return count("outputs", impl_->outputs.size(), args.outputs.size());
  if (!args.step_ns.empty() && args.step_ns.size() != impl_->steps.size()) {
    return count("steps", impl_->steps.size(), args.step_ns.size());
  }
  if (args.threads < 1) return bad_input("threads = " + std::to_string(args.threads) + ": a call needs at least 1");
  if (args.parallel != nullptr) {
    if (Status usable = check_hook(*args.parallel); !usable) return usable;
  }
  for (size_t i = 0; i < args.inputs.size(); ++i) {
    if (args.inputs[i].data == nullptr) return bad_input("input \"" + impl_->inputs[i].name + "\" is a null pointer");
  }
  for (size_t i = 0; i < args.outputs.size(); ++i) {
    if (args.outputs[i] == nullptr) return bad_input("output \"" + impl_->outputs[i].name + "\" is a null pointer");
  }
  try {
    const auto slices = impl_->slices([&](size_t i) { return args.inputs[i].shape; });
    if (!slices) return slices.error();
    return model::run(impl_->graph, *slices, args);
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory for a call of the model");
  }
}

}  // namespace sparsmith
