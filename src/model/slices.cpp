#include "model/slices.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>

#include "runtime/parallel.h"
#include "sparsmith/caches.h"

namespace sparsmith::model {
namespace {

int64_t bytes_of(const ops::Type& type) { return type.size() * static_cast<int64_t>(size_of(type.element)); }

/// Images [first, first + images) of the call.
Status run_part(const graph::Graph& graph, const Session& session, int64_t first, int64_t images,
                const ModelArgs& args) {
  std::array<InputTensor, kMostSlicedOperands> inputs;
  std::array<void*, kMostSlicedOperands> outputs;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const int64_t image = bytes_of(session.type(graph.inputs[i])) / images;
    inputs[i] = {static_cast<const std::byte*>(args.inputs[i].data) + first * image, session.shapes()[i]};
  }
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    const int64_t image = bytes_of(session.type(graph.outputs[i])) / images;
    outputs[i] = static_cast<std::byte*>(args.outputs[i]) + first * image;
  }
  ModelArgs part = args;
  part.inputs = std::span(inputs).first(graph.inputs.size());
  part.outputs = std::span(outputs).first(graph.outputs.size());
  return session.run(part);
}

}  // namespace

int64_t images_per_slice(const ModelMemory& one, int64_t batch) {
  return std::clamp<int64_t>(host_caches().l2 / 2 / std::max<int64_t>(1, one.activation_bytes), 1, batch);
}

bool are_parts(const graph::Graph& graph, const Session& one, const Session& several, int64_t images) {
  return std::all_of(graph.outputs.begin(), graph.outputs.end(), [&](graph::ValueId id) {
    const auto &a = one.type(id).shape, &b = several.type(id).shape;
    return !a.empty() && a.size() == b.size() && b[0] == a[0] * images &&
           std::equal(a.begin() + 1, a.end(), b.begin() + 1);
  });
}

Status run(const graph::Graph& graph, const Slices& slices, const ModelArgs& args) {
  std::fill(args.step_ns.begin(), args.step_ns.end(), 0);
  if (slices.batch == 0) return slices.rest->run(args);
  const int64_t whole = slices.batch / slices.images, parts = whole + (slices.rest ? 1 : 0);
  const auto run_slice = [&](int64_t part, const ModelArgs& own) {
    const int64_t first = part * slices.images;
    if (part < whole) return run_part(graph, *slices.slice, first, slices.images, own);
    return run_part(graph, *slices.rest, first, slices.batch - first, own);
  };
  Workers workers;
  workers.hook = args.parallel;
  if (args.threads > 1 && args.parallel == nullptr) workers.pool = &process_pool();
  // Steps' times are those of one thread after the other's.
  const int threads = args.step_ns.empty() ? workers.available(args.threads) : 1;
  if (threads == 1 || parts < threads) {
    for (int64_t part = 0; part < parts; ++part) {
      if (Status ran = run_slice(part, args); !ran) return ran;
    }
    return success();
  }
  ModelArgs own = args;
  own.threads = 1;
  own.parallel = nullptr;
  std::mutex mutex;
  std::optional<Error> error;
  const CallScope inside;
  Status done = workers.run(threads, threads, [&](int thread) {
    for (int64_t part = parts * thread / threads; part < parts * (thread + 1) / threads; ++part) {
      if (Status ran = run_slice(part, own); !ran) {
        const std::lock_guard lock(mutex);
        error = ran.error();
      }
    }
  });
  if (!done) return done;
  if (error) return *error;
  return success();
}

}  // namespace sparsmith::model
