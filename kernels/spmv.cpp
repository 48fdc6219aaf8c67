#include "kernels/spmv.h"

#include <algorithm>

#include "pattern/row_order.h"

namespace sparsmith {
namespace {

/// Bits that say which of the floats a lane looks up, and how many slots' lie in a word.
constexpr int lane_bits(size_t lanes) { return lanes == kSliceRows ? 5 : 3; }
constexpr size_t slots_per_word(size_t lanes) { return lanes == kSliceRows ? 6 : 10; }
/// Sums of a slice that are kept apart, over its columns, so that multiply-accumulates need not wait for each other.
constexpr int kChains = 4;

/// Slots of a round of the loop over them, as many as one-byte displacements reach the weights of, and rounds from
/// which on it is worth the branch.
constexpr size_t kSlotsPerRound = 8, kLeastRounds = 2;

/// Constants of the epilogue at the start of a segment's values, by value slot.
constexpr ValueKind kConstants[] = {ValueKind::zero, ValueKind::alpha, ValueKind::lo, ValueKind::hi, ValueKind::beta};
enum ConstantSlot : int32_t { kZero, kAlpha, kLo, kHi, kBeta, kFirstLiteral };
constexpr int32_t slot_of(Literal literal) { return kFirstLiteral + static_cast<int32_t>(literal); }

/// The registers of a Program of `columns` columns. Windows are in registers where a slot has two of them.
struct Registers {
  Registers(int columns_a_pass, size_t lanes)
      : columns(columns_a_pass),
        chains(std::max(1, kChains / columns_a_pass)),
        windows(lanes == kSliceRows ? columns_a_pass : 0) {}
  int columns, chains, windows;
  uint8_t acc(int u, int chain) const { return static_cast<uint8_t>(u * chains + chain); }
  uint8_t words() const { return 0; }
  uint8_t weights() const { return 1; }
  uint8_t window(int u) const { return static_cast<uint8_t>(2 + u); }
  uint8_t looked_up(int u) const { return static_cast<uint8_t>(2 + windows + u); }
  int accs() const { return columns * chains; }
  int xs() const { return 2 + windows + columns; }
};

void append_line(std::vector<ValueSource>& values, ValueKind kind, std::span<const int32_t> rows, size_t lanes) {
  for (size_t l = 0; l < lanes; ++l) {
    values.push_back(l < rows.size() ? ValueSource::make(kind, static_cast<uint32_t>(rows[l]))
                                     : ValueSource::make(ValueKind::zero, 0));
  }
}

/// The lines of a slice's parameters, in the order in which append_epilogue reads them.
void append_parameters(const Epilogue& epilogue, std::span<const int32_t> rows, size_t lanes,
                       std::vector<ValueSource>& values) {
  if (epilogue.row_scale) append_line(values, ValueKind::row_scale, rows, lanes);
  if (epilogue.bias) append_line(values, ValueKind::bias, rows, lanes);
  if (epilogue.activation == Activation::prelu) append_line(values, ValueKind::prelu_slope, rows, lanes);
}

int32_t parameter_lines(const Epilogue& epilogue) {
  return int32_t{epilogue.row_scale} + int32_t{epilogue.bias} + int32_t{epilogue.activation == Activation::prelu};
}

/// Columns of W a round of the loop over all of them.
constexpr int64_t kColumnsPerRound = 8;

}  // namespace

SpmvWriter::SpmvWriter(const Pattern& pattern, const Problem& problem, const Schedule& schedule)
    : pattern_(pattern),
      problem_(problem),
      schedule_(schedule),
      lanes_(static_cast<size_t>(schedule.lanes)),
      column_floats_(lane_column_floats(pattern.cols())),
      packer_(pattern, std::max(schedule.window_step, kLeastWindowStep), schedule.lanes) {}

void SpmvWriter::pack(const SliceRange& range, std::vector<ValueSource>& values) {
  const size_t first = values.size();
  for (const ValueKind kind : kConstants) values.push_back(ValueSource::make(kind, 0));
  for (uint32_t i = 0; i < std::size(kLiterals); ++i) values.push_back(ValueSource::make(ValueKind::literal, i));
  values.resize(first + kSliceRows, ValueSource::make(ValueKind::zero, 0));

  slots_.clear();
  slices_.clear();
  if (schedule_.window_step == 1) return pack_whole(range, values);
  for (int64_t s = range.begin; s < range.end; ++s) {
    const size_t at = static_cast<size_t>(s) * lanes_;
    const auto rows = range.order.subspan(at, std::min(lanes_, range.order.size() - at));
    const size_t slots = slots_.size();
    packer_.pack(rows, slots_);
    slices_.push_back({s, slots_.size(), static_cast<int32_t>(values.size() - first)});
    for (size_t i = slots; i < slots_.size(); ++i) {
      for (const int64_t nonzero : std::span(slots_[i].nonzero).first(lanes_)) {
        values.push_back(nonzero >= 0 ? ValueSource::make(ValueKind::weight, static_cast<uint32_t>(nonzero))
                                      : ValueSource::make(ValueKind::zero, 0));
      }
    }
    append_parameters(problem_.epilogue, rows, lanes_, values);
  }
}

void SpmvWriter::write(int columns, Program& program) const {
  const Registers registers(columns, lanes_);
  program.accs = registers.accs();
  program.xs = registers.xs();
  program.temps = 0;
  program.lanes = static_cast<int>(lanes_);
  program.panels = 1;
  program.x_layout = program.y_layout = Layout::panel;
  program.plain_row_bytes = 0;
  program.ops.clear();
  program.data.clear();
  program.ops.push_back({OpCode::pass_begin});
  if (schedule_.window_step == 1) {
    program.xs = columns + 1;
    program.x_row_bytes = sizeof(float);
    const auto together = static_cast<size_t>(slices_together());
    program.accs = static_cast<int>(std::min(together, slices_.size())) * columns;
    const std::span<const Slice> all(slices_);
    for (size_t s = 0; s < all.size(); s += together) {
      append_whole(all.subspan(s, std::min(together, all.size() - s)), columns, program);
    }
    program.ops.push_back({OpCode::pass_end});
    return;
  }
  size_t begin = 0;
  for (const Slice& slice : slices_) {
    append_slice(slice, std::span(slots_).subspan(begin, slice.slots_end - begin), columns, program);
    begin = slice.slots_end;
  }
  program.ops.push_back({OpCode::pass_end});
}

void SpmvWriter::append_slice(const Slice& slice, std::span<const Slot> slots, int columns, Program& program) const {
  const Registers reg(columns, lanes_);
  const auto bits = lane_bits(lanes_);
  const bool two_windows = lanes_ == kSliceRows;
  const auto put = [&](Op op) { program.ops.push_back(op); };
  const auto y_row = [&](int u) { return static_cast<int32_t>(slice.number * columns + u); };
  for (int u = 0; u < columns; ++u) put({OpCode::load_y, reg.acc(u, 0), 0, 0, y_row(u)});

  int32_t value = slice.value, window = -1;
  // With 8 lanes slots are many and their code would be fetched from L2: whole rounds of them are a loop.
  const size_t rounds = two_windows ? 0 : slots.size() / kSlotsPerRound;
  const bool looped = rounds >= kLeastRounds;
  if (looped) {
    for (int u = 0; u < columns; ++u) {
      for (int chain = 1; chain < reg.chains; ++chain) put({OpCode::zero, reg.acc(u, chain)});
    }
    value = append_rounds(slots.first(rounds * kSlotsPerRound), value, columns, program);
    slots = slots.subspan(rounds * kSlotsPerRound);
  }
  for (size_t i = 0; i < slots.size(); ++i, value += static_cast<int32_t>(lanes_)) {
    const Slot& slot = slots[i];
    const auto in_word = static_cast<int>(i % slots_per_word(lanes_));
    if (in_word == 0) {
      put({OpCode::load_words, reg.words(), 0, 0, static_cast<int32_t>(program.data.size())});
      program.data.resize(program.data.size() + lanes_);
    }
    uint32_t* words = &program.data[program.data.size() - lanes_];
    for (size_t l = 0; l < lanes_; ++l) words[l] |= uint32_t{slot.lane[l]} << (bits * in_word);

    if (two_windows && slot.first != window) {
      window = slot.first;
      for (int u = 0; u < columns; ++u) put({OpCode::load_x, reg.window(u), 0, 0, window * columns + u});
    }
    if (in_word > 0) {
      put({OpCode::shift_words, reg.looked_up(0), reg.words(), static_cast<uint8_t>(bits * in_word)});
    } else if (two_windows) {
      put({OpCode::copy_x, reg.looked_up(0), reg.words()});
    }
    for (int u = 1; u < columns && two_windows; ++u) put({OpCode::copy_x, reg.looked_up(u), reg.looked_up(0)});
    if (columns > 1) put({OpCode::load_values, reg.weights(), 0, 0, value});
    // With one window the numbers stay where they are until the first column, which comes last, takes their register.
    const uint8_t numbers = in_word > 0 ? reg.looked_up(0) : reg.words();
    for (int u = columns - 1; u >= 0; --u) {
      if (two_windows) {
        put({OpCode::lookup, reg.looked_up(u), reg.window(u), 0, slot.second * columns + u});
      } else {
        const auto place = static_cast<int32_t>(u * column_floats_ + slot.first);
        put({OpCode::lookup_8, reg.looked_up(u), numbers, 0, place});
      }
      // The first chain goes on from Y, the others start with a product.
      const auto chain = static_cast<int>(i % static_cast<size_t>(reg.chains));
      const bool start = !looped && chain > 0 && i < static_cast<size_t>(reg.chains);
      const uint8_t acc = reg.acc(u, chain);
      if (columns > 1) {
        put({start ? OpCode::product_x : OpCode::fma_x, acc, reg.looked_up(u), reg.weights()});
      } else {
        put({start ? OpCode::product_values : OpCode::fma_values, acc, reg.looked_up(u), 0, value});
      }
    }
  }
  const int used =
      looped ? reg.chains : static_cast<int>(std::min<size_t>(slots.size(), static_cast<size_t>(reg.chains)));
  for (int u = 0; u < columns; ++u) {
    if (used == 4) {
      put({OpCode::add_acc, reg.acc(u, 0), reg.acc(u, 1)});
      put({OpCode::add_acc, reg.acc(u, 2), reg.acc(u, 3)});
      put({OpCode::add_acc, reg.acc(u, 0), reg.acc(u, 2)});
    } else {
      for (int chain = 1; chain < used; ++chain) put({OpCode::add_acc, reg.acc(u, 0), reg.acc(u, chain)});
    }
  }
  append_epilogue(value, {reg.acc(0, 0), static_cast<uint8_t>(reg.chains), columns, 1, y_row(0)}, program);
  for (int u = 0; u < columns; ++u) put({OpCode::store_y, reg.acc(u, 0), 0, 0, y_row(u)});
}

/// A loop over slots, of each round first the places of their windows, then their lane numbers. Returns the value slot
/// behind them.
int32_t SpmvWriter::append_rounds(std::span<const Slot> slots, int32_t value, int columns, Program& program) const {
  const Registers reg(columns, lanes_);
  const auto put = [&](Op op) { program.ops.push_back(op); };
  const auto line = static_cast<int32_t>(lanes_), first_word = static_cast<int32_t>(program.data.size());
  for (size_t i = 0; i < slots.size(); i += kSlotsPerRound) {
    const auto round = slots.subspan(i, kSlotsPerRound);
    for (const Slot& slot : round) program.data.push_back(static_cast<uint32_t>(slot.first) * uint32_t{sizeof(float)});
    for (size_t l = 0; l < lanes_; ++l) {
      uint32_t word = 0;
      for (size_t s = 0; s < kSlotsPerRound; ++s) word |= uint32_t{round[s].lane[l]} << (lane_bits(lanes_) * s);
      program.data.push_back(word);
    }
  }
  constexpr auto kRound = static_cast<int32_t>(kSlotsPerRound);
  const auto rounds = static_cast<int32_t>(slots.size() / kSlotsPerRound);
  put({OpCode::slots_begin, 0, 0, 0, rounds});
  for (int32_t i = 0; i < kRound; ++i) {
    put({OpCode::load_place, 0, 0, 0, first_word + i});
    if (i == 0) {
      put({OpCode::load_words, reg.words(), 0, 0, first_word + kRound});
    } else {
      put({OpCode::shift_words, reg.looked_up(0), reg.words(), static_cast<uint8_t>(lane_bits(lanes_) * i)});
    }
    if (columns > 1) put({OpCode::load_values, reg.weights(), 0, 0, value + i * line});
    const uint8_t numbers = i > 0 ? reg.looked_up(0) : reg.words(), chain = static_cast<uint8_t>(i % reg.chains);
    for (int u = columns - 1; u >= 0; --u) {
      put({OpCode::lookup_at, reg.looked_up(u), numbers, 0, static_cast<int32_t>(u * column_floats_)});
      if (columns > 1) {
        put({OpCode::fma_x, reg.acc(u, chain), reg.looked_up(u), reg.weights()});
      } else {
        put({OpCode::fma_values, reg.acc(u, chain), reg.looked_up(u), 0, value + i * line});
      }
    }
  }
  put({OpCode::slots_end, static_cast<uint8_t>(kRound + line), 0, 0, kRound * line});
  return value + rounds * kRound * line;
}

/// As many as registers hold for the most columns a pass computes, a power of two, so that code for one column reads
/// the same values.
int64_t SpmvWriter::slices_together() const {
  const int64_t columns = schedule_.panels_per_pass, registers = lanes_ == kSliceRows ? 31 : 14;
  int64_t slices = 8;
  while (slices > 1 && (slices + 1) * columns + 1 > registers) slices /= 2;
  return slices;
}

void SpmvWriter::pack_whole(const SliceRange& range, std::vector<ValueSource>& values) {
  const size_t first = values.size() - kSliceRows;  // behind the constants
  const auto offsets = pattern_.row_offsets();
  const auto columns = pattern_.columns();
  const auto rows_of = [&](int64_t slice) {
    const size_t at = static_cast<size_t>(slice) * lanes_;
    return range.order.subspan(at, std::min(lanes_, range.order.size() - at));
  };
  const int64_t together = slices_together();
  for (int64_t s = range.begin; s < range.end; s += together) {
    const int64_t end = std::min(s + together, range.end);
    const size_t at = values.size(), step = static_cast<size_t>(end - s) * lanes_;
    values.resize(at + static_cast<size_t>(pattern_.cols()) * step, ValueSource::make(ValueKind::zero, 0));
    for (int64_t slice = s; slice < end; ++slice) {
      size_t lane = at + static_cast<size_t>(slice - s) * lanes_;
      for (const int32_t row : rows_of(slice)) {
        for (int64_t i = offsets[row]; i < offsets[row + 1]; ++i) {
          values[lane + static_cast<size_t>(columns[i]) * step] =
              ValueSource::make(ValueKind::weight, static_cast<uint32_t>(i));
        }
        ++lane;
      }
      slices_.push_back({slice, 0, static_cast<int32_t>(at - first)});
    }
    for (int64_t slice = s; slice < end; ++slice) append_parameters(problem_.epilogue, rows_of(slice), lanes_, values);
  }
}

void SpmvWriter::append_whole(std::span<const Slice> slices, int columns, Program& program) const {
  const auto put = [&](Op op) { program.ops.push_back(op); };
  const auto acc = [&](size_t s, int u) { return static_cast<uint8_t>(static_cast<int>(s) * columns + u); };
  const auto y_row = [&](size_t s) { return static_cast<int32_t>(slices[s].number * columns); };
  const auto weights = static_cast<uint8_t>(columns);
  const auto line = static_cast<int32_t>(lanes_), step = static_cast<int32_t>(slices.size()) * line;
  for (size_t s = 0; s < slices.size(); ++s) {
    for (int u = 0; u < columns; ++u) put({OpCode::load_y, acc(s, u), 0, 0, y_row(s) + u});
  }
  const auto products = [&](int64_t k) {
    for (int u = 0; u < columns; ++u) {
      put({OpCode::broadcast_x, static_cast<uint8_t>(u), 0, 0, static_cast<int32_t>(u * column_floats_ + k)});
    }
    const int32_t value = slices[0].value + static_cast<int32_t>(k) * step;
    for (size_t s = 0; s < slices.size(); ++s) {
      const int32_t at = value + static_cast<int32_t>(s) * line;
      if (columns == 1) {
        put({OpCode::fma_values, acc(s, 0), 0, 0, at});
        continue;
      }
      put({OpCode::load_values, weights, 0, 0, at});
      for (int u = 0; u < columns; ++u) put({OpCode::fma_x, acc(s, u), static_cast<uint8_t>(u), weights});
    }
  };
  const int64_t rounds = pattern_.cols() / kColumnsPerRound;
  if (rounds > 0) {
    put({OpCode::k_loop_begin, 0, 0, 0, static_cast<int32_t>(rounds)});
    for (int64_t k = 0; k < kColumnsPerRound; ++k) products(k);
    put({OpCode::k_loop_end, 0, 0, kColumnsPerRound, static_cast<int32_t>(kColumnsPerRound) * step});
  }
  for (int64_t k = rounds * kColumnsPerRound; k < pattern_.cols(); ++k) products(k);
  const int32_t behind = slices[0].value + static_cast<int32_t>(pattern_.cols()) * step;
  append_epilogue(behind, {0, 1, columns, static_cast<int>(slices.size()), y_row(0)}, program);
  for (size_t s = 0; s < slices.size(); ++s) {
    for (int u = 0; u < columns; ++u) put({OpCode::store_y, acc(s, u), 0, 0, y_row(s) + u});
  }
}

/// The epilogue of some slices' vectors of Y, whose rows' parameters lie from value slot `value` on, slice by slice.
/// Uses x[0] as scratch.
void SpmvWriter::append_epilogue(int32_t value, const Sums& sums, Program& program) const {
  const Epilogue& epilogue = problem_.epilogue;
  const auto line = static_cast<int32_t>(lanes_), parameters = parameter_lines(epilogue);
  const int vectors = sums.slices * sums.columns;
  const auto all = [&](OpCode code, int32_t imm = 0) {
    for (int i = 0; i < vectors; ++i) program.ops.push_back({code, sums.acc(i), 0, 0, imm});
  };
  const auto fill = [&](int32_t slot) { program.ops.push_back({OpCode::fill_x, 0, 0, 0, slot}); };
  const auto residual = [&] {
    for (int i = 0; i < vectors; ++i) program.ops.push_back({OpCode::add_residual, sums.acc(i), 0, 0, sums.y_row + i});
  };
  const auto by_rows = [&](OpCode code) {
    for (int i = 0; i < vectors; ++i) {
      program.ops.push_back({code, sums.acc(i), 0, 0, value + i / sums.columns * parameters * line});
    }
    value += line;
  };
  if (epilogue.row_scale) by_rows(OpCode::mul_values);
  if (epilogue.bias) by_rows(OpCode::add_values);
  if (epilogue.residual == Residual::before_activation) residual();
  switch (epilogue.activation) {
    case Activation::none:
      break;
    case Activation::relu:
      fill(kZero);
      all(OpCode::max_x);
      break;
    case Activation::leaky_relu:
      all(OpCode::leaky_value, kAlpha);
      break;
    case Activation::prelu:
      by_rows(OpCode::leaky_values);
      break;
    case Activation::clip:
      fill(kLo);
      all(OpCode::max_x);
      fill(kHi);
      all(OpCode::min_x);
      break;
    case Activation::hard_swish:
      for (int i = 0; i < vectors; ++i) {
        const uint8_t acc = sums.acc(i);
        program.ops.push_back({OpCode::x_from_acc, 0, acc, 0, slot_of(kThree)});
        program.ops.push_back({OpCode::x_max_value, 0, 0, 0, kZero});
        program.ops.push_back({OpCode::x_min_value, 0, 0, 0, slot_of(kSix)});
        program.ops.push_back({OpCode::mul_x, acc});
        program.ops.push_back({OpCode::mul_value, acc, 0, 0, slot_of(kSixth)});
      }
      break;
    case Activation::hard_sigmoid:
      all(OpCode::mul_value, kAlpha);
      all(OpCode::add_value, kBeta);
      fill(kZero);
      all(OpCode::max_x);
      fill(slot_of(kOne));
      all(OpCode::min_x);
      break;
    case Activation::sigmoid:
    case Activation::silu:
    case Activation::tanh:
    case Activation::gelu_erf:
    case Activation::gelu_tanh:
      program.ops.push_back(
          {OpCode::activate, sums.first, sums.step, static_cast<uint8_t>(epilogue.activation), vectors});
      break;
  }
  if (epilogue.residual == Residual::after_activation) residual();
}

}  // namespace sparsmith
