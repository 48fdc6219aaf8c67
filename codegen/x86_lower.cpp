#include "codegen/x86_lower.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "codegen/x86_compact.h"
#include "codegen/x86_lanes.h"
#include "codegen/x86_registers.h"
#include "plan/registers.h"

namespace sparsmith {
namespace {

using namespace x86;

/// Farthest a displacement may go before its base register is moved: 1 GB, well within 32 bits.
constexpr int64_t kReach = int64_t{1} << 30;

class Lowering {
 public:
  Lowering(const Program& program, Isa isa, const X86Functions& functions, X86Encoder& encoder)
      : program_(program),
        e_(encoder),
        functions_(functions),
        lanes_(program, isa, kData, encoder),
        avx512_(isa == Isa::avx512),
        x_row_bytes_(program.x_layout == Layout::panel ? program.x_row_bytes : program.plain_row_bytes),
        y_row_bytes_(program.y_layout == Layout::panel ? program.y_row_bytes : program.plain_row_bytes),
        compact_(program, isa, encoder) {}

  void run() {
    e_.align(64);
    if (pushes()) {
      for (const Gpr reg : kPushed) e_.push(reg);
    }
    const int32_t frame = frame_bytes();
    e_.add(Gpr::rsp, -frame);
    if (strided_x()) enter_plain_x();
    e_.load(X86Form::mov_load, kX, arg(offsetof(EntryArgs, x)));
    e_.load(X86Form::mov_load, kY, arg(offsetof(EntryArgs, y)));
    e_.load(X86Form::mov_load, kValues, arg(offsetof(EntryArgs, values)));
    if (program_.one_pass) {
      e_.set(kPasses, 1);
    } else {
      e_.load(X86Form::mov_load, kPasses, arg(offsetof(EntryArgs, passes)));
    }
    e_.load(X86Form::mov_load, kResidual, arg(offsetof(EntryArgs, residual)));
    lanes_.enter();
    enter_masks();
    if (program_.listed_rows) compact_.enter();
    for (size_t i = 0; i < program_.ops.size(); ++i) lower_op(program_.ops[i], i);
    e_.rr(X86Form::zeroupper, 0);
    e_.add(Gpr::rsp, frame);
    if (pushes()) {
      for (size_t i = std::size(kPushed); i-- > 0;) e_.pop(kPushed[i]);
    }
    e_.ret();
    lanes_.leave();
    leave_masks();
  }

 private:
  /// X's row stride is known at run time only.
  bool strided_x() const { return program_.x_layout == Layout::plain && program_.plain_row_bytes == 0; }
  bool pushes() const { return strided_x() || program_.listed_rows; }

  // --- Vector registers: h is the half of a vector, 0 alone on AVX-512 ---
  int halves() const { return avx512_ || program_.lanes < 16 ? 1 : 2; }
  int acc(int i, int h) const { return halves() * i + h; }
  int x(int i, int h) const { return acc(program_.accs + i, h); }
  /// Program temps, then (AVX2) two of the lowering's own.
  int temp(int i) const { return halves() * (program_.accs + program_.xs) + i; }
  int next_own_temp() { return temp(program_.temps + (own_temp_ ^= 1)); }

  void lower_op(const Op& op, size_t index) {
    switch (op.code) {
      case OpCode::pass_begin:
        return begin_pass();
      case OpCode::pass_end:
        return end_pass();
      case OpCode::k_loop_begin:
        return begin_k_loop(op, index);
      case OpCode::k_loop_end:
        return end_loop(op);
      case OpCode::row_loop_begin:
        return begin_loop(op, x_row_);
      case OpCode::row_loop_end:
        return end_row_loop(op);
      case OpCode::slots_begin:
        return begin_slots(op, index);
      case OpCode::slots_end:
        return end_slots(op);
      case OpCode::list_begin:
        compact_.begin_row();
        return forget_scratch();
      case OpCode::list_products:
        compact_.products(op);
        return forget_scratch();
      case OpCode::list_end:
        move_values(op.imm);
        value_slot_ = newest_slot_ = 0;
        return compact_.end_row();
      case OpCode::add_acc:
        return vectors(X86Form::add_rr, acc(op.a, 0), acc(op.a, 0), acc(op.b, 0));
      case OpCode::zero:
        for (int h = 0; h < halves(); ++h) e_.rr(X86Form::zero_v, acc(op.a, h));
        return;
      case OpCode::load_x:
        return load_x(op);
      case OpCode::load_x_lanes:
        return load_x_lanes(op);
      case OpCode::load_y:
        return vector_memory(X86Form::load_v, op, kY, offsetof(EntryArgs, y_panel_stride));
      case OpCode::store_y:
        return vector_memory(X86Form::store_v, op, kY, offsetof(EntryArgs, y_panel_stride));
      case OpCode::prefetch_y:
        return prefetch_y(op);
      case OpCode::prefetch_value:
        return e_.mem(X86Form::prefetch_l2, 0, 0, {kValues, static_cast<int32_t>((op.imm - value_slot_) * 4)});
      case OpCode::add_residual:
        return vector_memory(X86Form::load_add_v, op, kResidual, offsetof(EntryArgs, residual_panel_stride));
      case OpCode::load_value:
        return e_.mem(X86Form::broadcast, temp(op.a), 0, value(X86Form::broadcast, op.imm));
      case OpCode::fma_temp:
      case OpCode::product_temp: {
        const X86Form form = op.code == OpCode::fma_temp ? X86Form::fma_rr : X86Form::mul_rr;
        for (int h = 0; h < halves(); ++h) e_.rr(form, acc(op.a, h), x(op.b, h), temp(op.c));
        return;
      }
      case OpCode::product:
        return with_value(X86Form::mul_bcast, X86Form::mul_rr, op.imm, acc(op.a, 0), x(op.b, 0));
      case OpCode::fma_value:
        return with_value(X86Form::fma_bcast, X86Form::fma_rr, op.imm, acc(op.a, 0), x(op.b, 0));
      case OpCode::mul_value:
        return with_value(X86Form::mul_bcast, X86Form::mul_rr, op.imm, acc(op.a, 0), acc(op.a, 0));
      case OpCode::add_value:
        return with_value(X86Form::add_bcast, X86Form::add_rr, op.imm, acc(op.a, 0), acc(op.a, 0));
      case OpCode::x_from_acc:
        return with_value(X86Form::add_bcast, X86Form::add_rr, op.imm, x(op.a, 0), acc(op.b, 0));
      case OpCode::x_max_value:
        return with_value(X86Form::max_bcast, X86Form::max_rr, op.imm, x(op.a, 0), x(op.a, 0));
      case OpCode::x_min_value:
        return with_value(X86Form::min_bcast, X86Form::min_rr, op.imm, x(op.a, 0), x(op.a, 0));
      case OpCode::fill_x:
        for (int h = 0; h < halves(); ++h) {
          e_.mem(X86Form::broadcast, x(op.a, h), 0, value(X86Form::broadcast, op.imm));
        }
        return;
      // The accumulator comes second, where x86 takes the result from when there is a NaN.
      case OpCode::max_x:
        return vectors(X86Form::max_rr, acc(op.a, 0), x(op.b, 0), acc(op.a, 0));
      case OpCode::min_x:
        return vectors(X86Form::min_rr, acc(op.a, 0), x(op.b, 0), acc(op.a, 0));
      case OpCode::mul_x:
        return vectors(X86Form::mul_rr, acc(op.a, 0), acc(op.a, 0), x(op.b, 0));
      case OpCode::leaky_value:
        with_value(X86Form::mul_bcast, X86Form::mul_rr, op.imm, x(op.b, 0), acc(op.a, 0));
        if (avx512_) e_.rr(X86Form::sign_mask, 0, acc(op.a, 0));
        return vectors(X86Form::blend_sign, acc(op.a, 0), acc(op.a, 0), x(op.b, 0));
      case OpCode::activate:
        return activate(op);
      case OpCode::broadcast_x:
        return e_.mem(X86Form::broadcast, x(op.a, 0), 0, {kX, static_cast<int32_t>((op.imm - x_row_) * x_row_bytes_)});
      case OpCode::lookup:
        return lanes_.lower(op, {kX, static_cast<int32_t>((op.imm - x_row_) * x_row_bytes_)});
      case OpCode::lookup_8:
        return lanes_.lower(op, {kX, static_cast<int32_t>(op.imm * static_cast<int64_t>(sizeof(float)))});
      case OpCode::lookup_at:
        return lanes_.lower(op, {kX, static_cast<int32_t>(op.imm * static_cast<int64_t>(sizeof(float))), kScratch});
      default:
        return lanes_.lower(op, LaneLowering::reads_values(op.code) ? value(X86Form::load_v, op.imm) : Mem{kX});
    }
  }

  void vectors(X86Form form, int dst, int src1, int src2) {
    for (int h = 0; h < halves(); ++h) e_.rr(form, dst + h, src1 + h, src2 + h);
  }

  /// dst = op(src, broadcast value), or dst += src * value; AVX2 broadcasts into a temporary first.
  void with_value(X86Form avx512_form, X86Form avx2_form, int32_t slot, int dst, int src) {
    if (avx512_) return e_.mem(avx512_form, dst, src, value(avx512_form, slot));
    const int t = next_own_temp();
    e_.mem(X86Form::broadcast, t, 0, value(X86Form::broadcast, slot));
    for (int h = 0; h < halves(); ++h) e_.rr(avx2_form, dst + h, src + h, t);
  }

  // --- Calls ---
  int vector_bytes() const { return program_.lanes / halves() * static_cast<int>(sizeof(float)); }
  /// Stack for the accumulators of a call, from whatever line of it they begin on.
  int32_t frame_bytes() const {
    int32_t bytes = 0;
    for (const Op& op : program_.ops) {
      if (op.code == OpCode::activate) bytes = std::max(bytes, op.imm * halves() * vector_bytes() + kLineBytes);
    }
    return bytes;
  }
  /// The accumulators go through the stack: the function needs registers, and one loop over them is all its code.
  void activate(const Op& op) {
    constexpr Gpr kKept[] = {kScratch, kValues};
    for (const Gpr reg : kKept) e_.push(reg);
    e_.load(X86Form::lea, kVectors, {Gpr::rsp, static_cast<int32_t>(std::size(kKept)) * 8 + kLineBytes - 1});
    e_.immediate(X86Form::align_imm, kVectors, -kLineBytes);
    const int bytes = vector_bytes(), vectors = op.imm * halves();
    const auto move = [&](X86Form form, int32_t disp) {
      for (int i = 0; i < op.imm; ++i) {
        for (int h = 0; h < halves(); ++h, disp += bytes) e_.mem(form, acc(op.a + i * op.b, h), 0, {kVectors, disp});
      }
    };
    move(X86Form::store_v, 0);
    e_.set(kVectorCount, vectors);
    e_.jump(X86Form::call, functions_.offset(static_cast<Activation>(op.c), program_.lanes / halves()));
    move(X86Form::load_v, -vectors * bytes);
    for (size_t i = std::size(kKept); i-- > 0;) e_.pop(kKept[i]);
  }

  // --- Addresses ---
  /// The memory of a slot. Outside loops the base follows the stream so that one byte of displacement is enough; the
  /// epilogue's constants, which are read again and again, are left to longer ones.
  Mem value(X86Form form, int32_t slot) {
    const int64_t scale = e_.displacement_scale(form), low = -128 * scale, high = 127 * scale;
    int64_t disp = (static_cast<int64_t>(slot) - value_slot_) * 4;
    const bool onward = disp > high && slot >= newest_slot_;
    if (onward || disp > kReach || disp < -kReach) {
      if (!in_loop_) {
        move_values(slot - static_cast<int64_t>(low / 4));
        disp = low - low % 4;
      }
    }
    newest_slot_ = std::max(newest_slot_, slot);
    return {kValues, static_cast<int32_t>(disp)};
  }
  void move_values(int64_t slot) {
    e_.add(kValues, (slot - value_slot_) * 4);
    value_slot_ = slot;
  }

  static Gpr x_pointer(int u) { return u == 0 ? kX : u == 1 ? kX1 : kX2; }
  void move_x(int64_t row) {
    for (int u = 0; u < program_.x_pointers; ++u) e_.add(x_pointer(u), (row - x_row_) * x_row_bytes_);
    x_row_ = row;
  }
  /// The further panels' pointers lie in registers that the start and the epilogue of a pass use otherwise.
  void set_x_pointers() {
    if (x_pointers_set_) return;
    x_pointers_set_ = true;
    if (program_.x_pointers == 1) return;
    forget_scratch();
    e_.load(X86Form::mov_load, kScratch, arg(offsetof(EntryArgs, x_panel_stride)));
    e_.load(X86Form::lea, kX1, {kX, 0, kScratch});
    if (program_.x_pointers > 2) e_.load(X86Form::lea, kX2, {kX1, 0, kScratch});
  }

  void enter_plain_x() {
    e_.load(X86Form::mov_load, kStride, arg(offsetof(EntryArgs, x_row_stride)));
    e_.load(X86Form::lea, kStride3, {kStride, 0, kStride, 2});
    e_.load(X86Form::lea, kStride5, {kStride, 0, kStride, 4});
    e_.load(X86Form::lea, kStride7, {kStride3, 0, kStride, 4});
  }

  /// Moves kX so that row is 0 to 7 rows on.
  void approach_plain_row(int64_t row) {
    constexpr int64_t kMostSteps = 4;
    const int64_t steps = (row - x_row_) / 8;
    if (steps > kMostSteps) {
      e_.load(X86Form::imul_load, kScratch, arg(offsetof(EntryArgs, x_row_stride)), static_cast<int32_t>(8 * steps));
      e_.load(X86Form::lea, kX, {kX, 0, kScratch});
      forget_scratch();
    } else {
      for (int64_t i = 0; i < steps; ++i) e_.load(X86Form::lea, kX, {kX, 0, kStride, 8});
    }
    x_row_ += 8 * steps;
  }
  static Mem plain_row(int64_t rows_on) {
    switch (rows_on) {
      case 0:
        return {kX};
      case 1:
        return {kX, 0, kStride, 1};
      case 2:
        return {kX, 0, kStride, 2};
      case 3:
        return {kX, 0, kStride3, 1};
      case 4:
        return {kX, 0, kStride, 4};
      case 5:
        return {kX, 0, kStride5, 1};
      case 6:
        return {kX, 0, kStride3, 2};
      default:
        return {kX, 0, kStride7, 1};
    }
  }

  void load_x(const Op& op) {
    if (strided_x()) {
      approach_plain_row(op.imm);
      Mem mem = plain_row(op.imm - x_row_);
      for (int h = 0; h < halves(); ++h, mem.disp += 32) e_.mem(X86Form::load_v, x(op.a, h), 0, mem);
      return;
    }
    set_x_pointers();
    const int64_t scale = e_.displacement_scale(X86Form::load_v);
    // EVEX counts whole vectors, so a byte reaches 128 of them either way; VEX needs four bytes, which reach anywhere,
    // and so do long rows, for which the pointer would move too often, and floats that don't begin a line.
    constexpr int64_t kLeastReach = 8;
    const int64_t near = 127 * scale / x_row_bytes_;
    const bool lines = avx512_ && near >= kLeastReach && x_row_bytes_ >= kLineBytes;
    const int64_t reach = lines ? near : kReach / x_row_bytes_;
    if (!in_loop_ && (op.imm - x_row_ > reach || op.imm - x_row_ < -reach)) move_x(op.imm + reach);
    const auto disp = static_cast<int32_t>((op.imm - x_row_) * x_row_bytes_);
    for (int h = 0; h < halves(); ++h) e_.mem(X86Form::load_v, x(op.a, h), 0, {x_pointer(op.c), disp + 32 * h});
  }

  // --- Masks of lanes: k2 to k7 hold the first of them, k1 is set for each load of another; AVX2 reads them from
  // behind the code ---
  static constexpr int kFirstMask = 2, kHeldMasks = 6, kOtherMask = 1;
  void enter_masks() {
    const auto& masks = program_.lane_masks;
    if (masks.empty()) return;
    if (!avx512_) {
      masks_address_ = e_.later_address(kData);
      return;
    }
    for (int i = 0; i < std::min(kHeldMasks, static_cast<int>(masks.size())); ++i) {
      set_mask(kFirstMask + i, masks[static_cast<size_t>(i)]);
    }
  }
  void set_mask(int number, uint16_t mask) {
    e_.set(kData, mask);
    e_.rr(X86Form::set_mask, number, static_cast<int>(kData));
  }
  void leave_masks() {
    if (program_.lane_masks.empty() || avx512_) return;
    e_.align(kLineBytes);
    e_.set_address(masks_address_, e_.size());
    for (const uint16_t mask : program_.lane_masks) {
      std::array<uint32_t, 16> words{};
      for (size_t l = 0; l < words.size(); ++l) words[l] = (mask >> l & 1) != 0 ? ~uint32_t{0} : 0;
      e_.bytes(words.data(), sizeof words);
    }
  }
  /// What lies beside X's line belongs to another; the mask leaves it out, and memory that is left out isn't touched.
  void load_x_lanes(const Op& op) {
    set_x_pointers();
    constexpr int kMiddle = 16, kFloat = 4;
    const auto disp = static_cast<int32_t>((op.imm - x_row_) * x_row_bytes_ + (op.c - kMiddle) * kFloat);
    if (avx512_) {
      const int held = kFirstMask + op.b, number = op.b < kHeldMasks ? held : kOtherMask;
      if (number == kOtherMask) set_mask(number, program_.lane_masks[op.b]);
      return e_.mem(X86Form::load_masked_v, x(op.a, 0), number, {kX, disp});
    }
    for (int h = 0; h < halves(); ++h) {
      const int mask = next_own_temp();
      e_.mem(X86Form::load_v, mask, 0, {kData, op.b * kLineBytes + 32 * h});
      e_.mem(X86Form::load_masked_v, x(op.a, h), mask, {kX, disp + 32 * h});
    }
  }

  /// Rows of a plain Y are streams that the hardware follows by itself; of panels, each pass begins new ones.
  void prefetch_y(const Op& op) {
    if (program_.y_layout != Layout::panel || in_loop_) return;
    const int ahead = program_.panels + op.c;
    if (scratch_base_ != kY || scratch_panel_ != ahead)
      scratch_to_panel(kY, offsetof(EntryArgs, y_panel_stride), ahead);
    e_.mem(X86Form::prefetch_write, 0, 0, {kScratch, static_cast<int32_t>(op.imm * y_row_bytes_)});
  }

  void scratch_to_panel(Gpr base, size_t panel_stride_offset, int panel) {
    e_.load(X86Form::imul_load, kScratch, arg(panel_stride_offset), panel);
    e_.load(X86Form::lea, kScratch, {base, 0, kScratch});
    scratch_base_ = base;
    scratch_panel_ = panel;
  }

  /// acc <-> Y or residual row op.imm of panel op.c.
  void vector_memory(X86Form form, const Op& op, Gpr base, size_t panel_stride_offset) {
    const bool far = op.c > 0 && program_.y_panel_bytes == 0;
    if (far && (scratch_base_ != base || scratch_panel_ != op.c)) scratch_to_panel(base, panel_stride_offset, op.c);
    Mem mem{far ? kScratch : base, static_cast<int32_t>(op.c * program_.y_panel_bytes)};
    if (y_row_bytes_ > 0) {
      mem.disp += static_cast<int32_t>(op.imm * y_row_bytes_);
    } else if (op.imm > 0) {
      const size_t stride = base == kY ? offsetof(EntryArgs, y_row_stride) : offsetof(EntryArgs, residual_row_stride);
      e_.load(X86Form::imul_load, kX1, arg(stride), op.imm);
      mem.index = kX1;
    }
    for (int h = 0; h < halves(); ++h) {
      Mem half = mem;
      half.disp += 32 * h;
      e_.mem(form, acc(op.a, h), acc(op.a, h), half);
    }
  }

  // --- Loops ---
  void begin_pass() {
    pass_start_ = e_.size();
    x_pointers_set_ = program_.x_pointers == 1;
    if (strided_x()) e_.move(kXPass, kX);
    if (program_.listed_rows) compact_.begin_pass();
    forget_scratch();
  }
  void end_pass() {
    if (program_.listed_rows) compact_.end_pass();
    if (strided_x()) {
      e_.move(kX, kXPass);
    } else {
      e_.add(kX, -x_row_ * x_row_bytes_);
    }
    x_row_ = 0;
    move_values(0);
    newest_slot_ = 0;
    lanes_.end_pass();
    advance(kX, offsetof(EntryArgs, x_panel_stride));
    advance(kY, offsetof(EntryArgs, y_panel_stride));
    advance(kResidual, offsetof(EntryArgs, residual_panel_stride));
    e_.decrement(kPasses);
    e_.jump(X86Form::jump_not_zero, pass_start_);
  }
  void advance(Gpr pointer, size_t stride_offset) {
    if (program_.panels == 1) return e_.load(X86Form::add_load, pointer, arg(stride_offset));
    e_.load(X86Form::imul_load, kScratch, arg(stride_offset), program_.panels);
    e_.load(X86Form::lea, pointer, {pointer, 0, kScratch});
  }

  /// The loop's first op is a load_x of its first row.
  void begin_k_loop(const Op& op, size_t index) { begin_loop(op, program_.ops[index + 1].imm); }
  void begin_loop(const Op& op, int64_t x_row) {
    set_x_pointers();
    move_x(x_row);
    loop_row_ = x_row_;
    loop_slot_ = value_slot_;
    loop_rounds_ = op.imm;
    in_loop_ = true;
    e_.set(kScratch, op.imm);
    e_.align_with_nops(32);
    loop_start_ = e_.size();
  }
  void end_loop(const Op& op) {
    const int64_t x_rows = op.c * program_.x_loop_step;
    for (int u = 0; u < program_.x_pointers; ++u) e_.add(x_pointer(u), x_rows * x_row_bytes_);
    e_.add(kValues, static_cast<int64_t>(op.imm) * 4);
    e_.decrement(kScratch);
    e_.jump(X86Form::jump_not_zero, loop_start_);
    x_row_ = loop_row_ + loop_rounds_ * x_rows;
    value_slot_ = loop_slot_ + loop_rounds_ * op.imm;
    newest_slot_ = static_cast<int32_t>(value_slot_);
    in_loop_ = false;
    forget_scratch();
  }
  void end_row_loop(const Op& op) {
    const int64_t y_bytes = op.a * y_row_bytes_;
    e_.add(kY, y_bytes);
    e_.add(kResidual, y_bytes);
    end_loop(op);
    e_.add(kY, -loop_rounds_ * y_bytes);
    e_.add(kResidual, -loop_rounds_ * y_bytes);
  }

  /// The loop's first op names the first of its words; the values are reached both ways from between them.
  void begin_slots(const Op& op, size_t index) {
    constexpr int64_t kMiddle = 32;
    size_t first = index;
    while (!LaneLowering::reads_values(program_.ops[first].code)) ++first;
    move_values(program_.ops[first].imm + kMiddle);
    loop_rounds_ = op.imm;
    lanes_.begin_slots(op, program_.ops[index + 1].imm);
    forget_scratch();
    in_loop_ = true;
  }
  void end_slots(const Op& op) {
    e_.add(kValues, static_cast<int64_t>(op.imm) * 4);
    lanes_.end_slots(op);
    value_slot_ += loop_rounds_ * op.imm;
    newest_slot_ = static_cast<int32_t>(value_slot_);
    in_loop_ = false;
  }
  void forget_scratch() { scratch_base_ = Gpr::none; }

  const Program& program_;
  X86Encoder& e_;
  const X86Functions& functions_;
  LaneLowering lanes_;
  const bool avx512_;
  const int64_t x_row_bytes_, y_row_bytes_;  ///< 0: EntryArgs has it
  CompactLowering compact_;                  ///< of Programs with listed rows
  int own_temp_ = 0;
  int64_t x_row_ = 0, value_slot_ = 0;  ///< what kX and kValues point to, relative to the pass's first
  int32_t newest_slot_ = 0;
  bool x_pointers_set_ = false;
  size_t pass_start_ = 0, loop_start_ = 0;
  bool in_loop_ = false;
  int64_t loop_row_ = 0, loop_slot_ = 0, loop_rounds_ = 0;
  size_t masks_address_ = 0;
  Gpr scratch_base_ = Gpr::none;
  int scratch_panel_ = 0;
};

}  // namespace

Result<uint32_t> lower(const Program& program, Isa isa, X86Functions& functions, X86Encoder& encoder) {
  const RegisterFile registers = register_file(isa, program.lanes);
  if (program.x_layout == Layout::plain && program.panels > 1) {
    return internal_error("a plain X is read one panel a pass, not " + std::to_string(program.panels));
  }
  if (!program.data.empty() && (program.lanes != (isa == Isa::avx512 ? 16 : 8) || program.panels > 1)) {
    return internal_error("lanes are looked up in whole registers, one panel a pass");
  }
  if (!program.lane_masks.empty() && (!program.data.empty() || program.lanes != 16 || program.x_pointers > 1)) {
    return internal_error("masks of lanes are for whole lines of one panel");
  }
  const bool reached =
      program.listed_rows ? program.panels <= registers.max_listed_panels : program.x_pointers <= registers.max_panels;
  if (program.accs + program.xs + program.temps > registers.vectors || !reached) {
    return internal_error("a tile of " + std::to_string(program.accs) + " accumulators, " + std::to_string(program.xs) +
                          " vectors of X and " + std::to_string(program.temps) + " values doesn't fit the registers");
  }
  for (const Op& op : program.ops) {
    if (op.code != OpCode::activate) continue;
    const int lanes = isa == Isa::avx512 ? program.lanes : std::min(program.lanes, 8);
    functions.make(static_cast<Activation>(op.c), lanes);
  }
  encoder.align(64);
  encoder.set_lanes(program.lanes);
  const size_t offset = encoder.size();
  Lowering(program, isa, functions, encoder).run();
  if (!encoder.error().empty()) return internal_error("x86 encoding failed: " + encoder.error());
  if (encoder.size() > UINT32_MAX) return unsuitable("more than 4 GB of code for one matrix");
  return static_cast<uint32_t>(offset);
}

}  // namespace sparsmith
