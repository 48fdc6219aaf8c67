#include "passes/passes.h"
#include "passes/steps.h"

namespace sparsmith::passes {

Result<graph::Graph> simplify(const graph::Graph& graph) {
  const Result<Facts> facts = Facts::of(graph);
  if (!facts) return facts.error();
  Editor editor(graph, *facts);
  fold_constants(editor);
  remove_copies(editor);
  editor.drop_unread();
  // Before constants move into weights: these look for operators with constants of their own.
  recognise_swish(editor);
  recognise_gelu(editor);
  recognise_layer_norm(editor);
  take_shapes_from_inputs(editor, graph.inputs);
  recognise_attention(editor);
  make_layers(editor);
  merge_pads(editor);
  fold_affine(editor);
  fuse_epilogues(editor);
  return editor.finish();
}

}  // namespace sparsmith::passes
