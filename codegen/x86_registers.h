/// \file
/// What the general registers of a generated function hold.
#pragma once

#include <cstddef>

#include "artifact/image.h"
#include "codegen/x86_encoder.h"

namespace sparsmith::x86 {

constexpr Gpr kArgs = Gpr::rdi;     // const EntryArgs*
constexpr Gpr kX = Gpr::rsi;        // panel u = 0 of X, at row x_row_
constexpr Gpr kY = Gpr::rdx;        // panel u = 0 of Y, at row 0; in a loop over rows, at the loop's row
constexpr Gpr kValues = Gpr::rcx;   // the value stream, at slot value_slot_
constexpr Gpr kPasses = Gpr::r8;    // passes left
constexpr Gpr kResidual = Gpr::r9;  // panel u = 0 of the residual, at the same row as kY
constexpr Gpr kScratch = Gpr::rax;  // a panel's base in the epilogue; the counter of the loop over K; a slot's place
constexpr Gpr kX1 = Gpr::r10;       // panel u = 1 of X; a row's offset in the epilogue
constexpr Gpr kX2 = Gpr::r11;       // panel u = 2 of X
constexpr Gpr kData = Gpr::r11;     // the Program's data; such a Program has one panel

// Rounds of slots left, of Programs that look lanes up: their rows lie at constant distances.
constexpr Gpr kSlotRounds = Gpr::r10;

// What vector functions (x86_functions.h) are called with and use.
constexpr Gpr kVectors = Gpr::r10, kVectorCount = Gpr::rax, kConstants = Gpr::rcx;

// The caller's registers, pushed by functions that use them.
constexpr Gpr kPushed[] = {Gpr::rbx, Gpr::rbp, Gpr::r12, Gpr::r13, Gpr::r14};

// A plain X of a run-time stride is addressed by multiples of it, so that eight rows are in reach of one pointer
// without a displacement.
constexpr Gpr kXPass = Gpr::rbx;  // panel u = 0 of X, at row 0
constexpr Gpr kStride = Gpr::rbp, kStride3 = Gpr::r12, kStride5 = Gpr::r13, kStride7 = Gpr::r14;

// The loop over rows of the index stream.
constexpr Gpr kIndices = Gpr::rbx;                          // the stream, at the row
constexpr Gpr kRounds = Gpr::rbp;                           // the row's nonzeros; whole rounds of them left
constexpr Gpr kYPass = Gpr::r12, kResidualPass = Gpr::r13;  // the tile's first row in panel u = 0
constexpr Gpr kRows = Gpr::r14;                             // rows left

constexpr int32_t kLineBytes = 64;

constexpr Mem arg(size_t offset) { return {kArgs, static_cast<int32_t>(offset)}; }

}  // namespace sparsmith::x86
