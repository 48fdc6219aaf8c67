/// \file
/// Coefficients of the approximations of e^x and the error function that generated code and plain operators share.
/// Minimax fits whose error in exact arithmetic is below a fifth of an ulp; what is left are roundings.
#pragma once

namespace sparsmith::math {

inline constexpr float kLog2E = 0x1.715476p+0f;
/// ln 2 in two parts.
inline constexpr float kLn2 = 0x1.62e43p-1f, kLn2Low = -0x1.05c61p-29f;
/// Added to a small number it leaves the nearest whole number, plus 254 or 127, in the low bits.
inline constexpr float kRound254 = 0x1.8p+23f + 254, kRound127 = 0x1.8p+23f + 127;

/// e^r = 1 + r + r^2 * (kExp[0] + kExp[1] * r + ...), |r| <= ln(2) / 2.
inline constexpr float kExp[] = {0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558f2p-5f, 0x1.123a2p-7f, 0x1.6a23cep-10f};
/// e^x is 0 from here on.
inline constexpr float kLeastExponent = -104.0f;

/// The normal distribution's tail beyond a, 0 <= a <= kMostDeviation: e^(-a^2 / 2) * p(a) / q(a). Nothing beyond.
inline constexpr float kTailP[] = {0x1.314914p-1f, 0x1.0bbbc8p-1f, 0x1.bfe0dap-3f, 0x1.8d721cp-5f, 0x1.424a58p-8f};
inline constexpr float kTailQ[] = {0x1.314914p+0f, 0x1.ff50f2p+0f, 0x1.6f4bf4p+0f,
                                   0x1.1ee304p-1f, 0x1.f227dp-4f,  0x1.93ed3p-7f};
inline constexpr float kMostDeviation = 14.6f;

/// erf(x) = x * (kErf[0] + kErf[1] * x^2 + ...), |x| <= 1.
inline constexpr float kErf[] = {0x1.20dd74p+0f, -0x1.81273ep-2f, 0x1.ce2cf8p-4f, -0x1.b7f90ep-6f,
                                 0x1.5405b2p-8f, -0x1.a3f7p-11f,  0x1.496a3p-14f};

/// GELU in tanh form is v / (1 + e^-(v * (c1 + c2 * v^2))), each constant in two parts; 0 or v beyond kMostGelu.
inline constexpr double kGeluC1 = 1.5957691216057307117597842397375, kGeluC2 = kGeluC1 * 0.044715;
inline constexpr float kGelu1 = static_cast<float>(kGeluC1), kGelu1Low = static_cast<float>(kGeluC1 - kGelu1);
inline constexpr float kGelu2 = static_cast<float>(kGeluC2), kGelu2Low = static_cast<float>(kGeluC2 - kGelu2);
inline constexpr float kMostGelu = 10.8f;

}  // namespace sparsmith::math
