// Instructions made by patching kept bytes must be those that LLVM's MC encodes from scratch, for every form, register
// and kind of displacement; and every one must decode to what was asked for.
#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "codegen/code_generator.h"
#include "codegen/x86_encoder.h"

namespace sparsmith {
namespace {

constexpr X86Form kMemoryForms[] = {X86Form::load_v,    X86Form::store_v,   X86Form::load_add_v, X86Form::broadcast,
                                    X86Form::fma_bcast, X86Form::add_bcast, X86Form::mul_bcast,  X86Form::max_bcast,
                                    X86Form::min_bcast, X86Form::fma_v,     X86Form::lookup_8_v, X86Form::mul_v,
                                    X86Form::lookup_v,  X86Form::horner_v,  X86Form::and_v,      X86Form::or_v};
constexpr Gpr kBases[] = {Gpr::rax, Gpr::rcx, Gpr::rdx, Gpr::rsi, Gpr::rdi, Gpr::r8, Gpr::r9, Gpr::r10, Gpr::r11};

class Encoder : public testing::TestWithParam<const char*> {
 protected:
  Target target() const { return *Target::parse(GetParam()); }
  bool wide() const { return target().isa() == Isa::avx512; }
  int registers() const { return wide() ? 32 : 16; }
  bool exists(X86Form form) const {
    const bool broadcast_operand = form == X86Form::fma_bcast || form == X86Form::add_bcast ||
                                   form == X86Form::mul_bcast || form == X86Form::max_bcast ||
                                   form == X86Form::min_bcast;
    return wide() ? form != X86Form::lookup_8_v : !broadcast_operand && form != X86Form::lookup_v;
  }
};

TEST_P(Encoder, PatchedDisplacementsEqualDirectEncoding) {
  auto encoder = X86Encoder::create(target());
  ASSERT_TRUE(encoder.ok()) << encoder.error().message;
  std::mt19937 random(7);
  const int32_t fixed[] = {0,   1,    4,    64,   -64,  127,   128,     -128,       -129,      508,
                           512, -512, -516, 8128, 8192, -8192, 1 << 20, -(1 << 20), 0x3fffffff};
  for (const X86Form form : kMemoryForms) {
    if (!exists(form)) continue;
    for (int trial = 0; trial < 3000; ++trial) {
      const int lanes = 16 >> (trial % 3);
      (*encoder)->set_lanes(lanes);
      const int reg = static_cast<int>(random() % registers()), src = static_cast<int>(random() % registers());
      const int32_t disp = trial % 3 == 0 ? static_cast<int32_t>(random()) / 2 : fixed[random() % std::size(fixed)];
      const Mem mem{kBases[random() % std::size(kBases)], disp};
      const size_t before = (*encoder)->size();
      (*encoder)->mem(form, reg, src, mem);
      const std::vector<uint8_t> expected = (*encoder)->encode_directly(form, reg, src, mem);
      ASSERT_EQ((*encoder)->size() - before, expected.size())
          << "form " << static_cast<int>(form) << " disp " << disp << " lanes " << lanes;
      const std::vector<uint8_t> all = (*encoder)->take();
      ASSERT_EQ(std::vector<uint8_t>(all.begin() + static_cast<ptrdiff_t>(before), all.end()), expected)
          << "form " << static_cast<int>(form) << " reg " << reg << " disp " << disp;
    }
  }
  EXPECT_EQ((*encoder)->error(), "");
}

TEST_P(Encoder, DecodesToTheInstructionAskedFor) {
  auto encoder = X86Encoder::create(target());
  ASSERT_TRUE(encoder.ok());
  X86Encoder& e = **encoder;
  e.rr(X86Form::fma_rr, 3, 4, 5);
  e.rr(X86Form::max_rr, 1, 2, 3);
  e.rr(X86Form::sub_rr, 1, 2, 3);
  e.rr(X86Form::div_rr, 1, 2, 3);
  e.rr(X86Form::product_minus_rr, 1, 2, 3);
  e.rr(X86Form::shift_left_v, 1, 2, 23);
  e.mem(X86Form::horner_v, 1, 2, {Gpr::rcx, 64});
  e.mem(X86Form::load_v, 7, 0, {Gpr::rsi, 128});
  e.mem(X86Form::store_v, 7, 0, {Gpr::rdx, 0, Gpr::r10});
  e.mem(X86Form::broadcast, 2, 0, {Gpr::rcx, 12});
  e.add(Gpr::rcx, 1024);
  e.add(Gpr::rsi, -64);
  e.ret();
  const std::vector<uint8_t> code = e.take();
  auto decoded = decode(target(), code.data(), 0, code.size());
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  const std::string v = wide() ? "zmm" : "ymm";
  const std::string expected[] = {"vfmadd231ps\t" + v + "3, " + v + "4, " + v + "5",
                                  "vmaxps\t" + v + "1, " + v + "2, " + v + "3",
                                  "vsubps\t" + v + "1, " + v + "2, " + v + "3",
                                  "vdivps\t" + v + "1, " + v + "2, " + v + "3",
                                  "vfmsub231ps\t" + v + "1, " + v + "2, " + v + "3",
                                  "vpslld\t" + v + "1, " + v + "2, 23",
                                  "vfmadd213ps\t" + v + "1, " + v + "2, " + v + "mmword ptr [rcx + 64]",
                                  "vmovups\t" + v + "7, " + v + "mmword ptr [rsi + 128]",
                                  "vmovups\t" + v + "mmword ptr [rdx + r10], " + v + "7",
                                  "vbroadcastss\t" + v + "2, dword ptr [rcx + 12]",
                                  "add\trcx, 1024",
                                  "add\trsi, -64",
                                  "ret"};
  ASSERT_EQ(decoded->size(), std::size(expected));
  for (size_t i = 0; i < std::size(expected); ++i) {
    std::string text = (*decoded)[i].text, want = expected[i];
    // "zmmword" and "ymmword", as the printer writes them.
    if (const auto at = want.find(v + "mmword"); at != std::string::npos) want.replace(at, v.size() + 6, v + "word");
    EXPECT_EQ(text.substr(text.find_first_not_of('\t')), want);
  }
}

TEST_P(Encoder, NarrowRegistersAndWhatTheirDisplacementsCountIn) {
  auto encoder = X86Encoder::create(target());
  ASSERT_TRUE(encoder.ok());
  X86Encoder& e = **encoder;
  const int lanes[] = {16, 8, 4, 16};
  for (const int l : lanes) {
    e.set_lanes(l);
    EXPECT_EQ(e.displacement_scale(X86Form::load_v), wide() ? 4 * l : 1);
    EXPECT_EQ(e.displacement_scale(X86Form::broadcast), wide() ? 4 : 1);
    e.mem(X86Form::load_v, 3, 0, {Gpr::rsi, 64});
    e.rr(X86Form::add_rr, 1, 2, 3);
  }
  e.ret();
  EXPECT_EQ(e.error(), "");
  const std::vector<uint8_t> code = e.take();
  auto decoded = decode(target(), code.data(), 0, code.size());
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  ASSERT_EQ(decoded->size(), 2 * std::size(lanes) + 1);
  for (size_t i = 0; i < std::size(lanes); ++i) {
    const std::string v = lanes[i] == 4 ? "xmm" : lanes[i] == 8 || !wide() ? "ymm" : "zmm";
    EXPECT_EQ(decoded->at(2 * i).text, "\tvmovups\t" + v + "3, " + v + "word ptr [rsi + 64]");
    EXPECT_EQ(decoded->at(2 * i + 1).text, "\tvaddps\t" + v + "1, " + v + "2, " + v + "3");
  }
}

TEST_P(Encoder, EightFloatsAreLookedUp) {
  if (wide()) GTEST_SKIP() << "AVX2 only: AVX-512 looks 32 floats up";
  auto encoder = X86Encoder::create(target());
  ASSERT_TRUE(encoder.ok());
  X86Encoder& e = **encoder;
  e.rr(X86Form::shift_v, 4, 5, 21);
  e.mem(X86Form::lookup_8_v, 4, 5, {Gpr::rsi, -12});
  e.mem(X86Form::lookup_8_v, 6, 4, {Gpr::rsi, 4096, Gpr::rax});
  e.ret();
  const std::vector<uint8_t> code = e.take();
  auto decoded = decode(target(), code.data(), 0, code.size());
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  const std::string expected[] = {"\tvpsrld\tymm4, ymm5, 21", "\tvpermps\tymm4, ymm5, ymmword ptr [rsi - 12]",
                                  "\tvpermps\tymm6, ymm4, ymmword ptr [rsi + rax + 4096]", "\tret"};
  ASSERT_EQ(decoded->size(), std::size(expected));
  for (size_t i = 0; i < std::size(expected); ++i) EXPECT_EQ(decoded->at(i).text, expected[i]);
}

TEST_P(Encoder, LanesAreShiftedAndLookedUp) {
  if (!wide()) GTEST_SKIP() << "AVX-512 only";
  auto encoder = X86Encoder::create(target());
  ASSERT_TRUE(encoder.ok());
  X86Encoder& e = **encoder;
  const size_t later = e.later_address(Gpr::r11);
  e.mem(X86Form::load_v, 20, 0, {Gpr::r11, 64});
  e.rr(X86Form::shift_v, 21, 20, 25);
  e.rr(X86Form::copy_v, 22, 21);
  e.mem(X86Form::lookup_v, 21, 30, {Gpr::rsi, -128});
  e.mem(X86Form::fma_v, 3, 21, {Gpr::rcx, 64});
  e.ret();
  e.align(64);
  e.set_address(later, e.size());
  const uint64_t constants[16] = {1};
  e.bytes(constants, sizeof constants);
  EXPECT_EQ(e.error(), "");
  const std::vector<uint8_t> code = e.take();
  auto decoded = decode(target(), code.data(), 0, code.size());
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  // The address is relative to the end of its 7 bytes; the constants lie 64 bytes from the start.
  const std::string expected[] = {"lea\tr11, [rip + 57]",
                                  "vmovups\tzmm20, zmmword ptr [r11 + 64]",
                                  "vpsrld\tzmm21, zmm20, 25",
                                  "vmovaps\tzmm22, zmm21",
                                  "vpermi2ps\tzmm21, zmm30, zmmword ptr [rsi - 128]",
                                  "vfmadd231ps\tzmm3, zmm21, zmmword ptr [rcx + 64]",
                                  "ret"};
  ASSERT_EQ(decoded->size(), std::size(expected));
  for (size_t i = 0; i < std::size(expected); ++i) {
    const std::string& text = (*decoded)[i].text;
    EXPECT_EQ(text.substr(text.find_first_not_of('\t')), expected[i]);
  }
  EXPECT_EQ(decoded->at(4).slot, -1);
  EXPECT_EQ(decoded->at(5).slot, 16);
}

TEST_P(Encoder, StepsOfMoreThan32BitsTakeSeveralInstructions) {
  for (const int64_t step : {int64_t{1} << 34, -(int64_t{1} << 34) - 64, (int64_t{1} << 31) + 64}) {
    auto encoder = X86Encoder::create(target());
    ASSERT_TRUE(encoder.ok());
    (*encoder)->add(Gpr::rsi, step);
    (*encoder)->ret();
    EXPECT_EQ((*encoder)->error(), "");
    const std::vector<uint8_t> code = (*encoder)->take();
    auto decoded = decode(target(), code.data(), 0, code.size());
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    int64_t sum = 0;
    for (const Instruction& instruction : *decoded) {
      long long part = 0;
      if (std::sscanf(instruction.text.c_str(), " add rsi, %lld", &part) == 1) sum += part;
    }
    EXPECT_EQ(sum, step);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Encoder, testing::Values("x86-64-v3", "x86-64-v4"),
                         [](const auto& target) { return std::string(target.index == 0 ? "Avx2" : "Avx512"); });

}  // namespace
}  // namespace sparsmith
