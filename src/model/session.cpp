#include "model/session.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <new>
#include <numeric>
#include <utility>

#include "model/pairs.h"
#include "model/rows.h"
#include "sparsmith/panel.h"

namespace sparsmith::model {
namespace {

constexpr std::align_val_t kLine{64};

}  // namespace

Result<Arena> Arena::create(int64_t bytes) {
  Arena arena;
  arena.data_.reset(
      static_cast<std::byte*>(::operator new(static_cast<size_t>(std::max<int64_t>(bytes, 1)), kLine, std::nothrow)));
  if (arena.data_ == nullptr) {
    return unsuitable("no memory for the model's activations, " + std::to_string(bytes) + " bytes");
  }
  return arena;
}

void Arena::Release::operator()(std::byte* data) const { ::operator delete(data, kLine); }

Session::Session(const graph::Graph& graph, const Program& program, ops::Evaluator evaluator,
                 std::span<const std::vector<int64_t>> shapes)
    : graph_(graph), program_(program), evaluator_(std::move(evaluator)), shapes_(shapes.begin(), shapes.end()) {}

Result<std::unique_ptr<Session>> Session::create(const graph::Graph& graph, const Program& program,
                                                 std::span<const std::vector<int64_t>> shapes, FuseOptions::Way pairs) {
  auto evaluator = ops::Evaluator::create(graph, shapes);
  if (!evaluator) return evaluator.error();
  std::unique_ptr<Session> session(new Session(graph, program, std::move(*evaluator), shapes));
  if (Status prepared = session->prepare(pairs); !prepared) return prepared.error();
  return session;
}

/// Whether a reference work's buffers are the node's values, plain.
Status Session::check_operands(const Work& work) const {
  const graph::Node& node = graph_.nodes[static_cast<size_t>(work.node)];
  const auto fits = [&](const std::vector<int32_t>& buffers, const std::vector<graph::ValueId>& values) {
    if (buffers.size() != values.size()) return false;
    for (size_t i = 0; i < buffers.size(); ++i) {
      if (buffers[i] == Work::kNone) {
        if (&buffers == &work.inputs && values[i] != graph::kNoValue) return false;
        continue;
      }
      const Buffer& buffer = program_.buffers[static_cast<size_t>(buffers[i])];
      if (buffer.value != values[i] || buffer.format.kind != Format::Kind::plain) return false;
    }
    return true;
  };
  if (fits(work.inputs, node.inputs) && fits(work.outputs, node.outputs)) return success();
  return bad_input(graph::describe(graph_, node) + " has operands that aren't its own");
}

/// Whether the parts of a buffer are all of its channels, each once.
Status Session::check_parts() const {
  std::map<int32_t, std::vector<std::pair<int64_t, int64_t>>> wholes;  // channels from, to
  for (const Buffer& buffer : program_.buffers) {
    if (!buffer.is_part()) continue;
    const ops::Type& whole = evaluator_.type(program_.buffers[static_cast<size_t>(buffer.whole)].value);
    const ops::Type& part = evaluator_.type(buffer.value);
    if (part.shape[0] != whole.shape[0]) return bad_input("a part of " + ops::describe(whole) + " has other images");
    wholes[buffer.whole].push_back({buffer.first, buffer.first + part.shape[1]});
  }
  for (auto& [b, parts] : wholes) {
    std::sort(parts.begin(), parts.end());
    int64_t channels = 0;
    for (const auto& [from, to] : parts) {
      if (from != channels) return bad_input("parts of a value overlap, or leave channels out");
      channels = to;
    }
    const ops::Type& whole = evaluator_.type(program_.buffers[static_cast<size_t>(b)].value);
    if (channels != whole.shape[1]) return bad_input("parts of " + ops::describe(whole) + " aren't all of it");
  }
  return success();
}

Status Session::prepare(FuseOptions::Way pairs) {
  for (const Buffer& buffer : program_.buffers) {
    const auto bytes = bytes_of(buffer.format, evaluator_.type(buffer.value));
    if (!bytes) return bytes.error();
    bytes_.push_back(*bytes);
  }
  if (Status parts = check_parts(); !parts) return parts;
  steps_.resize(program_.works.size());
  skipped_.resize(program_.works.size());
  for (size_t i = 0; i < program_.works.size(); ++i) {
    const Work& work = program_.works[i];
    if (work.kind == Work::Kind::reference) {
      if (Status fits = check_operands(work); !fits) return fits;
      skipped_[i] = evaluator_.op(static_cast<size_t>(work.node)) == nullptr;
      continue;
    }
    auto step = make_step(source_of(work));
    if (!step) return step.error();
    steps_[i] = std::move(*step);
  }
  if (Status joined = join_pairs(pairs); !joined) return joined;
  place_buffers();
  for (size_t w = 0; w < program_.works.size(); ++w) {
    for (const int32_t b : program_.works[w].outputs) {
      const bool constant = b != Work::kNone && places_[static_cast<size_t>(b)].kind == Place::Kind::constant;
      if (constant && !skipped_[w]) return bad_input("a work of the model's program writes to a constant");
    }
  }
  plan_arena();
  return success();
}

StepSource Session::source_of(const Work& work) const {
  return {graph_, program_, work, [this](graph::ValueId id) -> const ops::Type& { return evaluator_.type(id); }};
}

/// Gives both works of a pair to the second one's step.
Status Session::join_pairs(FuseOptions::Way pairs) {
  before_ = works_before(graph_, program_, pairs);
  for (size_t w = 0; w < before_.size(); ++w) {
    if (before_[w] == Work::kNone) continue;
    const auto first = static_cast<size_t>(before_[w]);
    auto step = make_pair_step(source_of(program_.works[first]), source_of(program_.works[w]), pairs);
    if (!step) return step.error();
    steps_[w] = std::move(*step);
    steps_[first].reset();
    skipped_[first] = true;
  }
  return success();
}

/// A view whose memory can be its input's.
bool Session::is_alias(const Work& work) const {
  if (work.kind != Work::Kind::reference && work.kind != Work::Kind::blocked) return false;
  if (work.outputs.size() != 1 || work.outputs[0] == Work::kNone) return false;
  const auto output = static_cast<size_t>(work.outputs[0]);
  return is_view(graph_.nodes[static_cast<size_t>(work.node)]) && work.inputs[0] != Work::kNone &&
         places_[output].kind == Place::Kind::none && bytes_[output] == bytes_[static_cast<size_t>(work.inputs[0])];
}

void Session::place_buffers() {
  places_.resize(program_.buffers.size());
  std::vector<bool> written(program_.buffers.size());
  for (size_t w = 0; w < program_.works.size(); ++w) {
    if (skipped_[w]) continue;
    for (const int32_t b : program_.works[w].outputs) {
      if (b != Work::kNone) written[static_cast<size_t>(b)] = true;
    }
  }
  const auto find = [](const std::vector<graph::ValueId>& ids, graph::ValueId id) {
    const auto found = std::find(ids.begin(), ids.end(), id);
    return found == ids.end() ? int64_t{-1} : found - ids.begin();
  };
  for (size_t b = 0; b < places_.size(); ++b) {
    const Buffer& buffer = program_.buffers[b];
    if (buffer.is_part()) places_[b] = {Place::Kind::part, buffer.whole, nullptr};
    if (buffer.format.kind != Format::Kind::plain) continue;
    const graph::Tensor* const constant = evaluator_.type(buffer.value).constant;
    const int64_t input = find(graph_.inputs, buffer.value), output = find(graph_.outputs, buffer.value);
    if (constant != nullptr) {
      places_[b] = {Place::Kind::constant, 0, constant->bytes.data()};
    } else if (input >= 0) {
      places_[b] = {Place::Kind::input, input, nullptr};
    } else if (output >= 0 && written[b]) {
      places_[b] = {Place::Kind::output, output, nullptr};
    }
  }
  for (size_t w = 0; w < program_.works.size(); ++w) {
    const Work& work = program_.works[w];
    if (skipped_[w] || !is_alias(work)) continue;
    places_[static_cast<size_t>(work.outputs[0])] = {Place::Kind::alias, work.inputs[0], nullptr};
    skipped_[w] = true;
    steps_[w].reset();
  }
}

void Session::plan_arena() {
  const auto root = [&](int32_t b) {
    const auto lies_in = [&](Place::Kind kind) { return kind == Place::Kind::alias || kind == Place::Kind::part; };
    while (lies_in(places_[static_cast<size_t>(b)].kind)) {
      b = static_cast<int32_t>(places_[static_cast<size_t>(b)].index);
    }
    return static_cast<size_t>(b);
  };
  std::vector<Lifetime> lifetimes(places_.size(), Lifetime{0, -1, -1});
  const auto use = [&](int32_t b, size_t step) {
    if (b == Work::kNone) return;
    Lifetime& lifetime = lifetimes[root(b)];
    if (lifetime.first < 0) lifetime.first = static_cast<int64_t>(step);
    lifetime.last = std::max(lifetime.last, static_cast<int64_t>(step));
  };
  // The first work of a pair reads when the second one does, and what is between them takes no memory.
  std::vector<size_t> when(program_.works.size());
  std::iota(when.begin(), when.end(), size_t{0});
  std::vector<bool> between(places_.size());
  for (size_t w = 0; w < before_.size(); ++w) {
    if (before_[w] == Work::kNone) continue;
    when[static_cast<size_t>(before_[w])] = w;
    between[static_cast<size_t>(program_.works[w].inputs[0])] = true;
  }
  for (size_t w = 0; w < program_.works.size(); ++w) {
    for (const auto* const operands : {&program_.works[w].inputs, &program_.works[w].outputs}) {
      for (const int32_t b : *operands) {
        if (b != Work::kNone && !between[static_cast<size_t>(b)]) use(b, when[w]);
      }
    }
  }
  // An output that is a view of something is copied at the end.
  for (size_t b = 0; b < places_.size(); ++b) {
    const bool is_output =
        std::find(graph_.outputs.begin(), graph_.outputs.end(), program_.buffers[b].value) != graph_.outputs.end();
    if (is_output) use(static_cast<int32_t>(b), program_.works.size());
  }
  std::vector<size_t> owners;
  std::vector<Lifetime> own;
  for (size_t b = 0; b < places_.size(); ++b) {
    if (places_[b].kind != Place::Kind::none || lifetimes[b].first < 0) continue;
    owners.push_back(b);
    own.push_back({bytes_[b], lifetimes[b].first, lifetimes[b].last});
  }
  memory_ = plan_memory(own);
  for (size_t i = 0; i < owners.size(); ++i) places_[owners[i]] = {Place::Kind::arena, memory_.offsets[i], nullptr};
}

Result<std::unique_ptr<Session::State>> Session::take_state() const {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto state = std::move(idle_.back());
      idle_.pop_back();
      return state;
    }
  }
  auto state = std::make_unique<State>();
  auto arena = Arena::create(memory_.bytes);
  if (!arena) return arena.error();
  state->arena = std::move(*arena);
  state->buffers.resize(places_.size());
  size_t sources = 0, targets = 0;
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    sources = std::max(sources, graph_.nodes[i].inputs.size());
    if (evaluator_.op(i) != nullptr) targets = std::max(targets, evaluator_.op(i)->outputs().size());
  }
  state->sources.resize(sources);
  state->targets.resize(targets);
  const std::lock_guard lock(mutex_);
  idle_.reserve(++states_);
  return state;
}

Status Session::run(const ModelArgs& args) const {
  auto state = take_state();
  if (!state) return state.error();
  const Status ran = run(args, **state);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(*state));
  return ran;
}

Status Session::run(const ModelArgs& args, State& state) const {
  for (size_t b = 0; b < places_.size(); ++b) {
    const Place& place = places_[b];
    const auto index = static_cast<size_t>(place.index);
    switch (place.kind) {
      case Place::Kind::arena:
        state.buffers[b] = state.arena.data() + place.index;
        break;
      case Place::Kind::input:
        state.buffers[b] = static_cast<std::byte*>(const_cast<void*>(args.inputs[index].data));
        break;
      case Place::Kind::output:
        state.buffers[b] = static_cast<std::byte*>(args.outputs[index]);
        break;
      case Place::Kind::constant:
        state.buffers[b] = static_cast<std::byte*>(const_cast<void*>(place.constant));
        break;
      case Place::Kind::alias:
      case Place::Kind::part:
      case Place::Kind::none:
        state.buffers[b] = state.arena.data();
    }
  }
  constexpr auto kLineBytes = kPanelWidth * static_cast<int64_t>(sizeof(float));
  for (size_t b = 0; b < places_.size(); ++b) {
    if (places_[b].kind != Place::Kind::part) continue;
    state.buffers[b] = state.buffers[static_cast<size_t>(places_[b].index)] + program_.buffers[b].first * kLineBytes;
  }
  // A view's work comes behind what it looks at, but its buffer may have a lower number.
  for (const Work& work : program_.works) {
    if (work.outputs.empty() || work.outputs[0] == Work::kNone) continue;
    const auto output = static_cast<size_t>(work.outputs[0]);
    if (places_[output].kind == Place::Kind::alias) {
      state.buffers[output] = state.buffers[static_cast<size_t>(places_[output].index)];
    }
  }
  const Call call{state.buffers.data(), args.threads, args.parallel};
  for (size_t i = 0; i < steps_.size(); ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (steps_[i] != nullptr) {
      if (Status ran = steps_[i]->run(call); !ran) return ran;
    } else if (!skipped_[i]) {
      run_reference(i, state);
    }
    if (args.step_ns.empty()) continue;
    const auto took = std::chrono::steady_clock::now() - start;
    args.step_ns[i] += std::chrono::duration_cast<std::chrono::nanoseconds>(took).count();
  }
  for (size_t o = 0; o < graph_.outputs.size(); ++o) {
    for (size_t b = 0; b < places_.size(); ++b) {
      const Buffer& buffer = program_.buffers[b];
      if (buffer.value != graph_.outputs[o] || buffer.format.kind != Format::Kind::plain) continue;
      if (state.buffers[b] != args.outputs[o] && bytes_[b] > 0) {
        std::memcpy(args.outputs[o], state.buffers[b], static_cast<size_t>(bytes_[b]));
      }
      break;
    }
  }
  return success();
}

void Session::run_reference(size_t step, State& state) const {
  const Work& work = program_.works[step];
  const ops::Operator& op = *evaluator_.op(static_cast<size_t>(work.node));
  const auto at = [&](int32_t buffer) -> std::byte* {
    return buffer == Work::kNone ? nullptr : state.buffers[static_cast<size_t>(buffer)];
  };
  for (size_t i = 0; i < work.inputs.size(); ++i) state.sources[i] = at(work.inputs[i]);
  const size_t outputs = op.outputs().size();
  for (size_t i = 0; i < outputs; ++i) state.targets[i] = i < work.outputs.size() ? at(work.outputs[i]) : nullptr;
  op.run({state.sources.data(), work.inputs.size()}, {state.targets.data(), outputs});
}

}  // namespace sparsmith::model
