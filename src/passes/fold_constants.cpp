#include <algorithm>

#include "passes/steps.h"

namespace sparsmith::passes {

using graph::kNoValue;
using graph::ValueId;

void fold_constants(Editor& editor) {
  const Facts& facts = editor.facts();
  for (size_t place = editor.places(); place-- > 0;) {
    if (!editor.used(place)) continue;
    const std::vector<ValueId>& outputs = editor.node(place).outputs;
    const bool known = std::all_of(outputs.begin(), outputs.end(), [&](ValueId id) {
      return id == kNoValue || editor.readers(id) == 0 || facts.constant(id) != nullptr;
    });
    if (known) editor.erase(place);
  }
  // Of what was folded, only what is still read is kept.
  const auto keep = [&](ValueId id) {
    if (id == kNoValue || editor.constant(id) != nullptr || editor.maker(id)) return;
    if (const graph::Tensor* const folded = facts.constant(id)) editor.make_constant(id, *folded);
  };
  for (size_t place = 0; place < editor.places(); ++place) {
    if (!editor.used(place)) continue;
    for (const ValueId id : editor.node(place).inputs) keep(id);
  }
  for (const ValueId id : editor.outputs()) keep(id);
}

}  // namespace sparsmith::passes
