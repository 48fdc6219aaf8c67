// Writes a small model: sum = image + offset, scores = Relu(sum), best = ArgMax(sum); image float32 [N, 3], offset
// float32 [3], scores float32 [N, 3], best int64 [N].
//   make_model M.smk
#include <cstdio>
#include <fstream>

#include "model/model_file.h"
#include "sparsmith/model.h"

int main(int argc, char** argv) {
  using namespace sparsmith;
  if (argc != 2) return std::fprintf(stderr, "usage: make_model M.smk\n"), 2;
  graph::Graph graph;
  graph.name = "rank";
  graph.opset = 17;
  graph.values = {{"image", ElementType::f32, graph::Shape{{-1, "N"}, {3, ""}}, nullptr},
                  {"offset", ElementType::f32, graph::Shape{{3, ""}}, nullptr},
                  {"sum", ElementType::f32, {}, nullptr},
                  {"scores", ElementType::f32, graph::Shape{{-1, "N"}, {3, ""}}, nullptr},
                  {"best", ElementType::i64, graph::Shape{{-1, "N"}}, nullptr}};
  graph.inputs = {0, 1};
  graph.outputs = {3, 4};
  graph.nodes = {{"add", "", "Add", {0, 1}, {2}, {}},
                 {"relu", "", "Relu", {2}, {3}, {}},
                 {"best", "", "ArgMax", {2}, {4}, {{"axis", int64_t{1}}, {"keepdims", int64_t{0}}}}};
  model::ProgramBytes program;
  program.program.target = "x86-64-v3";
  for (graph::ValueId value = 0; value < 5; ++value) program.program.buffers.push_back({value, {}});
  using Kind = model::Work::Kind;
  program.program.works = {{Kind::reference, 0, model::Work::kNone, {0, 1}, {2}},
                           {Kind::reference, 1, model::Work::kNone, {2}, {3}},
                           {Kind::reference, 2, model::Work::kNone, {2}, {4}}};
  const std::string artifact = model::serialize(graph, {&program, 1});
  const auto usable = Model::from_bytes(std::as_bytes(std::span(artifact)));
  if (!usable) return std::fprintf(stderr, "%s\n", usable.error().message.c_str()), 1;
  std::ofstream file(argv[1], std::ios::binary);
  file << artifact;
  return file.flush() ? 0 : 1;
}
