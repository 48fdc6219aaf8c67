/// \file
/// Program: the target-neutral, straight-line description of what one call of generated code does for one tile. Kernels
/// write Programs; code generators know nothing of matrices beyond them.
///
/// Notation. A vector is one panel row: 16 floats, or the first 8 or 4 of them (Program::lanes). acc[a] and x[a] are
/// vector registers, temp[a] a broadcast scalar. Y(row, u), R(row, u), X(k, u) are the vectors of Y, the residual and X
/// in the pass's u-th panel. V[s] is value slot s of the segment, broadcast to all lanes; W[s] is slots from s on,
/// one a lane; D[i] words from i on of the Program's own data.
#pragma once

#include <cstdint>
#include <vector>

#include "artifact/image.h"
#include "sparsmith/pattern.h"

namespace sparsmith {

class LayerMatrix;

enum class OpCode : uint8_t {
  pass_begin,      ///< the ops up to pass_end run EntryArgs::passes times
  pass_end,        ///< on to the next panels
  k_loop_begin,    ///< the ops up to k_loop_end run imm (>= 1) times; k and slots inside are those of the first round
  k_loop_end,      ///< a further round is c * x_loop_step rows of X and imm slots on
  row_loop_begin,  ///< the ops up to row_loop_end run imm (>= 1) times; everything inside is that of the first round
  row_loop_end,    ///< a further round is a rows of Y and the residual, c * x_loop_step rows of X and imm slots on

  slots_begin,  ///< the ops up to slots_end run imm (>= 1) times; words and slots inside are those of the first round
  slots_end,    ///< a further round is a words of the data and imm slots on
  load_place,   ///< place = D[imm], one word: bytes of X

  list_begin,     ///< the ops up to list_end run for each row of the index stream; rows named inside are 0
  list_products,  ///< the row's nonzeros in turn, i counting down to 1: acc[(i % a) * panels + u] += X(k, u) * V[next]
  list_end,       ///< the row's values end with imm slots behind its nonzeros', which ops in the loop read as V[0..]

  zero,            ///< acc[a] = 0
  load_y,          ///< acc[a] = Y(imm, c)
  load_x,          ///< x[a] = X(imm, c)
  load_x_lanes,    ///< x[a] = lanes lane_masks[b] of what lies c - 16 floats behind X(imm, 0), 0 in the others
  load_value,      ///< temp[a] = V[imm]
  product,         ///< acc[a] = x[b] * V[imm]
  fma_value,       ///< acc[a] += x[b] * V[imm]
  product_temp,    ///< acc[a] = x[b] * temp[c]
  fma_temp,        ///< acc[a] += x[b] * temp[c]
  store_y,         ///< Y(imm, c) = acc[a]
  prefetch_y,      ///< fetch Y(imm, c) of the next pass for writing; changes nothing
  prefetch_value,  ///< fetch the line of V[imm], of this segment or behind it, into L2; changes nothing

  // Lane by lane.
  load_words,      ///< x[a] = D[imm]
  shift_words,     ///< x[a] = x[b] >> c, as words
  copy_x,          ///< x[a] = x[b]
  lookup,          ///< x[a] = float number x[a] mod 32 of the 32 floats x[b], X(imm, 0)
  lookup_8,        ///< x[a] = float number x[b] mod 8 of the 8 floats at float imm of X; 8 lanes
  lookup_at,       ///< x[a] = float number x[b] mod 8 of the 8 floats at float imm of X, and place; 8 lanes
  broadcast_x,     ///< x[a] = the first float of X(imm, 0), in all lanes
  load_values,     ///< x[a] = W[imm]
  product_values,  ///< acc[a] = x[b] * W[imm]
  fma_values,      ///< acc[a] += x[b] * W[imm]
  product_x,       ///< acc[a] = x[b] * x[c]
  fma_x,           ///< acc[a] += x[b] * x[c]
  add_acc,         ///< acc[a] += acc[b]
  mul_values,      ///< acc[a] *= W[imm]
  add_values,      ///< acc[a] += W[imm]
  leaky_values,    ///< x[b] = acc[a] * W[imm]; acc[a] = sign bit of acc[a] ? x[b] : acc[a]

  // Epilogue. max and min return acc[a] when it is NaN.
  mul_value,     ///< acc[a] *= V[imm]
  add_value,     ///< acc[a] += V[imm]
  add_residual,  ///< acc[a] += R(imm, c)
  fill_x,        ///< x[a] = V[imm]
  max_x,         ///< acc[a] = max(acc[a], x[b])
  min_x,         ///< acc[a] = min(acc[a], x[b])
  leaky_value,   ///< x[b] = acc[a] * V[imm]; acc[a] = sign bit of acc[a] ? x[b] : acc[a]
  x_from_acc,    ///< x[a] = acc[b] + V[imm]
  x_max_value,   ///< x[a] = max(x[a], V[imm])
  x_min_value,   ///< x[a] = min(x[a], V[imm])
  mul_x,         ///< acc[a] *= x[b]
  activate,  ///< acc[a + i * b] = the Activation c of it, for i < imm: one with an exponential. All x, temps are lost
};

struct Op {
  OpCode code;
  uint8_t a = 0, b = 0, c = 0;
  int32_t imm = 0;
};

struct Program {
  int accs = 0, xs = 0, temps = 0;  ///< registers used of each kind
  int lanes = 16;                   ///< a vector is so many floats from the start of a row: 16, 8 or 4
  int panels = 1;                   ///< panels a pass computes (u < panels)
  int x_pointers = 1;               ///< panels of X that ops name; others are reached as rows of the first
  Layout x_layout = Layout::panel;  ///< panel: rows of X are x_row_bytes apart; plain: as EntryArgs says
  Layout y_layout = Layout::panel;  ///< the same of Y and the residual
  int64_t x_row_bytes = 64, y_row_bytes = 64;
  int64_t x_loop_step = 1;      ///< rows of X
  int64_t plain_row_bytes = 0;  ///< row stride of plain operands that the problem fixes; 0: EntryArgs has it
  bool listed_rows = false;     ///< the segment has an index stream (compact_stream.h), of index_bytes an index
  bool one_pass = false;        ///< EntryArgs::passes is known to the caller to mean one pass
  int index_bytes = 2;          ///< of the index stream: 2 or 4
  int64_t y_panel_bytes = 0;    ///< from panel to panel of Y and the residual where it is known; 0: EntryArgs has it
  std::vector<int32_t> x_panel_offsets;  ///< listed rows: where each panel of X lies, bytes from the first
  std::vector<uint16_t> lane_masks;      ///< bit l: lane l; of programs of 16 lanes without data
  std::vector<Op> ops;
  std::vector<uint32_t> data;  ///< constants that lie behind the code; whole vectors
};

/// Where code finds Y: of a spatial convolution at constant distances, whatever the caller has.
inline Layout y_layout(const Problem& problem) { return problem.spatial() ? Layout::panel : problem.y_layout; }

/// The Program's own distances, as the layer's matrix has them.
void set_addressing(const LayerMatrix& matrix, Program& program);
/// x[u] = what a column reads of panel u, for each of the pass's panels; `line`: LayerMatrix::line of the column.
void append_x_loads(const LayerMatrix& matrix, int64_t line, Program& program);

/// The row stride that n_fixed gives the plain operands, in bytes; 0 when only the call knows it, or when columns don't
/// fill panels, so that some are staged in panels of another stride, or when rows would lie beyond a displacement.
int64_t fixed_row_bytes(const Pattern& pattern, const Problem& problem);

}  // namespace sparsmith
