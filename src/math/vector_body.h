// Vectors of kWidth floats and e^x of them. Loops for one vector width include this inside a namespace of theirs,
// behind SPARSMITH_TARGET and kWidth; whoever includes it includes coefficients.h before. Not a header.

using Vector [[gnu::vector_size(kWidth * sizeof(float))]] = float;
using Whole [[gnu::vector_size(kWidth * sizeof(float))]] = int32_t;

// e^x of x <= 0 or NaN; 0 where e^x isn't a normal float.
SPARSMITH_TARGET __attribute__((always_inline)) static inline void exponential(Vector& x) {
  constexpr float kLeast = -88.03f, kRound = 0x1.8p+23f + 127;
  const Vector bounded = x < kLeast ? Vector{} + kLeast : x;
  const Vector rounded = bounded * math::kLog2E + kRound, n = rounded - kRound;
  const Vector r = bounded - n * math::kLn2 - n * math::kLn2Low;
  Vector p = Vector{} + math::kExp[4];
  p = p * r + math::kExp[3];
  p = p * r + math::kExp[2];
  p = p * r + math::kExp[1];
  p = p * r + math::kExp[0];
  p = (p * r + 1.0f) * r + 1.0f;
  const Whole power = reinterpret_cast<Whole>(rounded) << 23;
  x = p * reinterpret_cast<Vector>(power);
}
