#include "kernels/epilogue.h"

namespace sparsmith {
namespace {

/// Writes ops for every accumulator of the tile, and keeps the values they read.
class EpilogueWriter {
 public:
  EpilogueWriter(Program& program, const TileShape& tile, std::vector<ValueSource>& values, size_t first_slot)
      : program_(program), tile_(tile), values_(values), first_slot_(first_slot) {}

  int32_t slot(ValueKind kind, uint32_t index = 0) {
    values_.push_back(ValueSource::make(kind, index));
    return static_cast<int32_t>(values_.size() - 1 - first_slot_);
  }

  /// One op per accumulator, reading its row's parameter.
  void per_row(OpCode code, ValueKind kind) {
    for (size_t r = 0; r < tile_.rows.size(); ++r) {
      const int32_t s = slot(kind, static_cast<uint32_t>(tile_.rows[r]));
      for (int u = 0; u < tile_.panels; ++u) put({code, acc(r, u), 0, 0, s});
    }
  }
  /// One op per accumulator with the same operands.
  void all(OpCode code, int32_t imm = 0) {
    for (size_t r = 0; r < tile_.rows.size(); ++r) {
      for (int u = 0; u < tile_.panels; ++u) put({code, acc(r, u), 0, 0, imm});
    }
  }
  /// Panel outermost, so that a target computes each panel's base address once.
  void per_element(OpCode code) {
    for (int u = 0; u < tile_.panels; ++u) {
      for (size_t r = 0; r < tile_.rows.size(); ++r) {
        put(memory_op(code, tile_, acc(r, u), r, u));
      }
    }
  }

  void activation(const Epilogue& epilogue) {
    switch (epilogue.activation) {
      case Activation::none:
        break;
      case Activation::relu:
        put({OpCode::fill_x, 0, 0, 0, slot(ValueKind::zero)});
        all(OpCode::max_x);
        break;
      case Activation::leaky_relu:
        all(OpCode::leaky_value, slot(ValueKind::alpha));
        break;
      case Activation::prelu:
        per_row(OpCode::leaky_value, ValueKind::prelu_slope);
        break;
      case Activation::clip:
        put({OpCode::fill_x, 0, 0, 0, slot(ValueKind::lo)});
        all(OpCode::max_x);
        put({OpCode::fill_x, 0, 0, 0, slot(ValueKind::hi)});
        all(OpCode::min_x);
        break;
      case Activation::hard_swish:
        hard_swish();
        break;
      case Activation::hard_sigmoid:
        all(OpCode::mul_value, slot(ValueKind::alpha));
        all(OpCode::add_value, slot(ValueKind::beta));
        put({OpCode::fill_x, 0, 0, 0, slot(ValueKind::zero)});
        all(OpCode::max_x);
        put({OpCode::fill_x, 0, 0, 0, slot(ValueKind::literal, kOne)});
        all(OpCode::min_x);
        break;
      case Activation::sigmoid:
      case Activation::silu:
      case Activation::tanh:
      case Activation::gelu_erf:
      case Activation::gelu_tanh:
        put({OpCode::activate, 0, 1, static_cast<uint8_t>(epilogue.activation),
             static_cast<int32_t>(tile_.rows.size()) * tile_.panels});
        break;
    }
  }

  void put(Op op) { program_.ops.push_back(op); }

 private:
  uint8_t acc(size_t r, int u) const { return static_cast<uint8_t>(static_cast<int>(r) * tile_.panels + u); }

  /// v * min(6, max(0, v + 3)) / 6. A NaN v is lost in the clamp and returns with the product.
  void hard_swish() {
    const int32_t three = slot(ValueKind::literal, kThree), six = slot(ValueKind::literal, kSix),
                  sixth = slot(ValueKind::literal, kSixth), zero = slot(ValueKind::zero);
    for (size_t r = 0; r < tile_.rows.size(); ++r) {
      for (int u = 0; u < tile_.panels; ++u) {
        put({OpCode::x_from_acc, 0, acc(r, u), 0, three});
        put({OpCode::x_max_value, 0, 0, 0, zero});
        put({OpCode::x_min_value, 0, 0, 0, six});
        put({OpCode::mul_x, acc(r, u), 0, 0, 0});
        put({OpCode::mul_value, acc(r, u), 0, 0, sixth});
      }
    }
  }

  Program& program_;
  const TileShape& tile_;
  std::vector<ValueSource>& values_;
  size_t first_slot_;
};

}  // namespace

void append_epilogue(Program& program, const TileShape& tile, const Epilogue& epilogue,
                     std::vector<ValueSource>& values, size_t first_slot) {
  EpilogueWriter write(program, tile, values, first_slot);
  if (epilogue.row_scale) write.per_row(OpCode::mul_value, ValueKind::row_scale);
  if (epilogue.bias) write.per_row(OpCode::add_value, ValueKind::bias);
  if (epilogue.residual == Residual::before_activation) write.per_element(OpCode::add_residual);
  write.activation(epilogue);
  if (epilogue.residual == Residual::after_activation) write.per_element(OpCode::add_residual);
}

void append_zeros(Program& program, const TileShape& tile) {
  const size_t accs = tile.rows.size() * static_cast<size_t>(tile.panels);
  for (size_t a = 0; a < accs; ++a) program.ops.push_back({OpCode::zero, static_cast<uint8_t>(a)});
}

namespace {
void append_y(Program& program, const TileShape& tile, OpCode code) {
  for (int u = 0; u < tile.panels; ++u) {
    for (size_t r = 0; r < tile.rows.size(); ++r) {
      const auto acc = static_cast<uint8_t>(static_cast<int>(r) * tile.panels + u);
      program.ops.push_back(memory_op(code, tile, acc, r, u));
    }
  }
}
}  // namespace

void append_loads(Program& program, const TileShape& tile) { append_y(program, tile, OpCode::load_y); }
void append_stores(Program& program, const TileShape& tile) { append_y(program, tile, OpCode::store_y); }

}  // namespace sparsmith
