#include "codegen/x86_functions.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "codegen/x86_registers.h"
#include "math/coefficients.h"

namespace sparsmith {
namespace {

using namespace math;

// Vector registers by what they hold. NaN goes through every step; where one could be lost, in max, the number comes
// second.
enum Register : int { kV, kA, kY, kLow, kN, kP, kSquare, kFactor, kResult };

constexpr float kSignBit = -0.0f;
const float kNoSignBit = std::bit_cast<float>(0x7fffffff);

/// The body of one function's loop, for one vector in kV, and the constants it reads.
class Body {
 public:
  Body(bool avx512, int lanes, X86Encoder& encoder) : avx512_(avx512), lanes_(lanes), e_(encoder) {}

  /// kResult = f(kV).
  void write(Activation activation) {
    switch (activation) {
      case Activation::sigmoid:
      case Activation::silu:
        logistic();
        if (activation == Activation::silu) mul(kResult, kResult, kV);
        return;
      case Activation::tanh:
        return tanh();
      case Activation::gelu_erf:
        return gelu_erf();
      case Activation::gelu_tanh:
        return gelu_tanh();
      default:
        return e_.fail("no vector function is known for activation " + std::to_string(static_cast<int>(activation)));
    }
  }
  const std::vector<float>& constants() const { return constants_; }

 private:
  // --- Instructions
  Mem constant(float value) {
    const auto same = [value](float other) { return std::bit_cast<uint32_t>(other) == std::bit_cast<uint32_t>(value); };
    auto found = std::find_if(constants_.begin(), constants_.end(), same);
    if (found == constants_.end()) found = constants_.insert(found, value);
    return {x86::kConstants, static_cast<int32_t>(found - constants_.begin()) * lanes_ * 4};
  }
  void load(int dst, float value) { e_.mem(X86Form::load_v, dst, 0, constant(value)); }
  void copy(int dst, int src) { e_.rr(X86Form::copy_v, dst, src); }
  void add(int dst, int a, float value) { e_.mem(X86Form::load_add_v, dst, a, constant(value)); }
  void add(int dst, int a, int b) { e_.rr(X86Form::add_rr, dst, a, b); }
  void sub(int dst, int a, int b) { e_.rr(X86Form::sub_rr, dst, a, b); }
  void mul(int dst, int a, float value) { e_.mem(X86Form::mul_v, dst, a, constant(value)); }
  void mul(int dst, int a, int b) { e_.rr(X86Form::mul_rr, dst, a, b); }
  void div(int dst, int a, int b) { e_.rr(X86Form::div_rr, dst, a, b); }
  void add_product(int dst, int a, float value) { e_.mem(X86Form::fma_v, dst, a, constant(value)); }
  void add_product(int dst, int a, int b) { e_.rr(X86Form::fma_rr, dst, a, b); }
  /// dst = a * b - dst.
  void product_minus(int dst, int a, int b) { e_.rr(X86Form::product_minus_rr, dst, a, b); }
  /// dst = the sign bit of `sign` ? if_set : dst.
  void select(int dst, int sign, int if_set) {
    if (avx512_) e_.rr(X86Form::sign_mask, 0, sign);
    e_.rr(X86Form::blend_sign, dst, sign, if_set);
  }
  /// dst = (...(c[n] * x + c[n - 1]) * x ...) + c[0]; with `mirrored`, of -x.
  void polynomial(int dst, int x, std::span<const float> c, bool mirrored = false) {
    const auto term = [&](size_t k) { return mirrored && k % 2 == 1 ? -c[k] : c[k]; };
    load(dst, term(c.size() - 1));
    for (size_t k = c.size() - 1; k-- > 0;) e_.mem(X86Form::horner_v, dst, x, constant(term(k)));
  }

  // --- Parts
  /// to = max(least, -|kV|).
  void negative_magnitude(int to, float least) {
    e_.mem(X86Form::or_v, to, kV, constant(kSignBit));
    load(kN, least);
    e_.rr(X86Form::max_rr, to, kN, to);
  }
  /// kY = n * ln 2 + r: kY = r, with kLow added to it if `low`; kFactor = n; kN = n + round; kP = (e^r - 1) / r.
  void reduce(float round, bool low) {
    load(kN, round);
    add_product(kN, kY, kLog2E);
    add(kFactor, kN, -round);
    add_product(kY, kFactor, -kLn2);
    add_product(kY, kFactor, -kLn2Low);
    if (low) add(kY, kY, kLow);
    polynomial(kP, kY, kExp);
    e_.mem(X86Form::horner_v, kP, kY, constant(1));
  }
  /// kP = e^(kY + kLow) of numbers from kLeastExponent to 0, denormal results too.
  void exponential(bool low) {
    reduce(kRound254, low);
    e_.mem(X86Form::horner_v, kP, kY, constant(1));
    if (avx512_) return e_.rr(X86Form::scale_rr, kP, kP, kFactor);
    // 2^n as a product of two, each of which is a float.
    e_.rr(X86Form::shift_v, kFactor, kN, 1);
    e_.rr(X86Form::sub_words_rr, kN, kN, kFactor);
    for (const int half : {kFactor, kN}) {
      e_.rr(X86Form::shift_left_v, half, half, 23);
      mul(kP, kP, half);
    }
  }
  /// kResult = kV < 0 ? e / (1 + e) : 1 / (1 + e), e = e^(kY + kLow).
  void logistic_of(bool low) {
    exponential(low);
    load(kResult, 1);
    select(kResult, kV, kP);
    add(kP, kP, 1.0f);
    div(kResult, kResult, kP);
  }

  // --- Functions
  void logistic() {
    negative_magnitude(kY, kLeastExponent);
    logistic_of(false);
  }

  /// (1 - e) / (1 + e) with e = e^-2|v|, whose difference from 1 is computed without it.
  void tanh() {
    constexpr float kMost = 10;  // 1 - tanh is less than half an ulp
    negative_magnitude(kY, -kMost);
    add(kY, kY, kY);
    reduce(kRound127, false);
    mul(kP, kP, kY);
    e_.rr(X86Form::shift_left_v, kN, kN, 23);
    add(kResult, kN, -1.0f);
    add_product(kResult, kP, kN);
    add(kP, kResult, 2.0f);
    div(kResult, kResult, kP);
    e_.mem(X86Form::and_v, kResult, kResult, constant(kNoSignBit));
    e_.mem(X86Form::and_v, kA, kV, constant(kSignBit));
    e_.rr(X86Form::or_rr, kResult, kResult, kA);
  }

  /// v times the normal distribution's share below v.
  void gelu_erf() {
    negative_magnitude(kA, -kMostDeviation);
    // The square in two parts: rounded to one it would move e^square by its ulps times its size.
    mul(kSquare, kA, kA);
    copy(kLow, kSquare);
    product_minus(kLow, kA, kA);
    mul(kY, kSquare, -0.5f);
    mul(kLow, kLow, -0.5f);
    exponential(true);
    polynomial(kFactor, kA, kTailP, true);
    polynomial(kN, kA, kTailQ, true);
    div(kFactor, kFactor, kN);
    mul(kP, kP, kFactor);
    load(kResult, 1);
    sub(kResult, kResult, kP);
    select(kResult, kV, kP);
    mul(kResult, kResult, kV);
  }

  /// v * sigmoid(2 * the argument of tanh), which is computed in two parts.
  void gelu_tanh() {
    negative_magnitude(kA, -kMostGelu);
    mul(kSquare, kA, kA);
    copy(kLow, kSquare);
    product_minus(kLow, kA, kA);
    load(kFactor, kGelu1);
    copy(kP, kFactor);
    add_product(kP, kSquare, kGelu2);
    // What kP lost: of the sum (exactly while the square's term is the smaller), of the square, of the constants.
    sub(kFactor, kFactor, kP);
    add_product(kFactor, kSquare, kGelu2);
    add_product(kFactor, kLow, kGelu2);
    add_product(kFactor, kSquare, kGelu2Low);
    add(kFactor, kFactor, kGelu1Low);
    mul(kY, kA, kP);
    copy(kLow, kY);
    product_minus(kLow, kA, kP);
    add_product(kLow, kA, kFactor);
    logistic_of(true);
    mul(kResult, kResult, kV);
  }

  const bool avx512_;
  const int lanes_;
  X86Encoder& e_;
  std::vector<float> constants_;
};

}  // namespace

void X86Functions::make(Activation activation, int lanes) {
  auto& made = const_cast<Slot&>(slot(activation, lanes));
  if (made) return;
  constexpr size_t kLineBytes = 64;
  e_.set_lanes(lanes);
  e_.align(kLineBytes);
  made = e_.size();
  const size_t address = e_.later_address(x86::kConstants);
  e_.align_with_nops(32);
  const size_t start = e_.size();
  Body body(avx512_, lanes, e_);
  e_.mem(X86Form::load_v, kV, 0, {x86::kVectors});
  body.write(activation);
  e_.mem(X86Form::store_v, kResult, 0, {x86::kVectors});
  e_.add(x86::kVectors, lanes * 4);
  e_.decrement(x86::kVectorCount);
  e_.jump(X86Form::jump_not_zero, start);
  e_.ret();
  e_.align(kLineBytes);
  e_.set_address(address, e_.size());
  for (const float value : body.constants()) {
    const std::vector<float> vector(static_cast<size_t>(lanes), value);
    e_.bytes(vector.data(), vector.size() * sizeof(float));
  }
}

}  // namespace sparsmith
