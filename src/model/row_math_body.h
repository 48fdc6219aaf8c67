// Row arithmetic for one vector width: row_math.cpp includes this once for each, inside a namespace of its own, with
// SPARSMITH_TARGET, kWidth (floats of a vector), kRows and kPanels (of a tile of sums, which registers hold). Not a
// header.

constexpr int64_t kParts = kPanelWidth / kWidth;  // vectors of a line
constexpr int64_t kKeys = 128;                    // whose scores are kept at a time

#include "math/vector_body.h"

#define SPARSMITH_INLINE SPARSMITH_TARGET __attribute__((always_inline)) static inline

SPARSMITH_INLINE Vector& at(float* line, int64_t part) { return *reinterpret_cast<Vector*>(line + part * kWidth); }
SPARSMITH_INLINE const Vector& at(const float* line, int64_t part) {
  return *reinterpret_cast<const Vector*>(line + part * kWidth);
}

// scores[key][panel] = the products of kRows keys that lie side by side in a panel.
SPARSMITH_TARGET static void multiply(const HeadRows& rows, const float* const* q, const float* k, float* scores) {
  Vector sums[kRows][kPanels][kParts] = {};
  for (int64_t d = 0; d < rows.depth; ++d) {
    Vector x[kPanels][kParts];
    SPARSMITH_UNROLL
    for (int64_t p = 0; p < kPanels; ++p) {
      SPARSMITH_UNROLL
      for (int64_t i = 0; i < kParts; ++i) x[p][i] = at(q[p] + d * kPanelWidth, i);
    }
    SPARSMITH_UNROLL
    for (int64_t r = 0; r < kRows; ++r) {
      const float factor = k[d * kPanelWidth + r];
      SPARSMITH_UNROLL
      for (int64_t p = 0; p < kPanels; ++p) {
        SPARSMITH_UNROLL
        for (int64_t i = 0; i < kParts; ++i) sums[r][p][i] += x[p][i] * factor;
      }
    }
  }
  SPARSMITH_UNROLL
  for (int64_t r = 0; r < kRows; ++r) {
    SPARSMITH_UNROLL
    for (int64_t p = 0; p < kPanels; ++p) {
      SPARSMITH_UNROLL
      for (int64_t i = 0; i < kParts; ++i) at(scores + (r * kPanels + p) * kPanelWidth, i) = sums[r][p][i];
    }
  }
}

// context[c][panel] = context * kept[panel] + the sum over keys of weights[key][panel] * v[key][c], of kCount channels.
template <int64_t kCount>
SPARSMITH_TARGET static void weigh(const HeadRows& rows, const float* weights, int64_t key, int64_t keys,
                                   int64_t channel, const float* kept, float* context) {
  Vector sums[kCount][kPanels][kParts];
  float* const to = context + channel * kPanels * kPanelWidth;
  SPARSMITH_UNROLL
  for (int64_t c = 0; c < kCount; ++c) {
    SPARSMITH_UNROLL
    for (int64_t p = 0; p < kPanels; ++p) {
      SPARSMITH_UNROLL
      for (int64_t i = 0; i < kParts; ++i) {
        sums[c][p][i] = at(to + (c * kPanels + p) * kPanelWidth, i) * at(kept + p * kPanelWidth, i);
      }
    }
  }
  for (const int64_t end = key + keys; key < end; ++key, weights += kPanels * kPanelWidth) {
    const float* const v = rows.v + key / kPanelWidth * rows.v_panel + channel * kPanelWidth + key % kPanelWidth;
    Vector x[kPanels][kParts];
    SPARSMITH_UNROLL
    for (int64_t p = 0; p < kPanels; ++p) {
      SPARSMITH_UNROLL
      for (int64_t i = 0; i < kParts; ++i) x[p][i] = at(weights + p * kPanelWidth, i);
    }
    SPARSMITH_UNROLL
    for (int64_t c = 0; c < kCount; ++c) {
      const float factor = v[c * kPanelWidth];
      SPARSMITH_UNROLL
      for (int64_t p = 0; p < kPanels; ++p) {
        SPARSMITH_UNROLL
        for (int64_t i = 0; i < kParts; ++i) sums[c][p][i] += x[p][i] * factor;
      }
    }
  }
  SPARSMITH_UNROLL
  for (int64_t c = 0; c < kCount; ++c) {
    SPARSMITH_UNROLL
    for (int64_t p = 0; p < kPanels; ++p) {
      SPARSMITH_UNROLL
      for (int64_t i = 0; i < kParts; ++i) at(to + (c * kPanels + p) * kPanelWidth, i) = sums[c][p][i];
    }
  }
}

// Scales and masks the scores of some keys against the panel of queries that begins at row `query`, and takes their
// exponentials against the largest so far. `most`, `sum`: of each lane, over all keys before and now; `kept`: what
// remains of sums over those before.
SPARSMITH_TARGET static void soften(const HeadRows& rows, int64_t query, int64_t key, int64_t keys, float* scores,
                                    float* most, float* sum, float* kept) {
  constexpr int64_t kNext = kPanels * kPanelWidth;
  const float* const mask = rows.mask == nullptr ? nullptr : rows.mask + (key - rows.first_key) * rows.mask_key;
  const bool each = mask != nullptr && rows.mask_query != 0;
  alignas(64) float added[kKeys * kPanelWidth];
  for (int64_t l = 0; each && l < kPanelWidth; ++l) {
    const int64_t row = std::clamp<int64_t>(query + l - rows.first_query, 0, rows.queries - 1);
    const float* const from = mask + row * rows.mask_query;
    for (int64_t j = 0; j < keys; ++j) added[j * kPanelWidth + l] = from[j * rows.mask_key];
  }
  Vector largest[kParts];
  for (int64_t i = 0; i < kParts; ++i) largest[i] = at(most, i);
  for (int64_t j = 0; j < keys; ++j) {
    float* const line = scores + j * kNext;
    const float all = mask == nullptr || each ? 0.0f : mask[j * rows.mask_key];
    for (int64_t i = 0; i < kParts; ++i) {
      Vector score = at(line, i) * rows.scale + all;
      if (each) score += at(added + j * kPanelWidth, i);
      at(line, i) = score;
      largest[i] = score > largest[i] ? score : largest[i];
    }
  }
  Vector base[kParts], total[kParts];
  for (int64_t i = 0; i < kParts; ++i) {
    // Where all scores so far are -infinity there is nothing to subtract.
    base[i] = largest[i] == -INFINITY ? Vector{} : largest[i];
    Vector remains = at(most, i) - base[i];
    exponential(remains);
    at(kept, i) = remains;
    at(most, i) = largest[i];
    total[i] = at(sum, i) * remains;
  }
  for (int64_t j = 0; j < keys; ++j) {
    for (int64_t i = 0; i < kParts; ++i) {
      Vector weight = at(scores + j * kNext, i) - base[i];
      exponential(weight);
      at(scores + j * kNext, i) = weight;
      total[i] += weight;
    }
  }
  for (int64_t i = 0; i < kParts; ++i) at(sum, i) = total[i];
}

// The lanes of a panel that hold queries of ours.
SPARSMITH_TARGET static void store(const HeadRows& rows, int64_t panel, const float* context, const float* sum) {
  const int64_t before = rows.first_query - panel * kPanelWidth, behind = before + rows.queries;
  const int64_t first = std::max<int64_t>(before, 0), last = rows.last ? kPanelWidth : std::min(behind, kPanelWidth);
  float* const y = rows.y + panel * rows.y_panel;
  for (int64_t c = 0; c < rows.width; ++c) {
    const float* const line = context + c * kPanels * kPanelWidth;
    if (first == 0 && last == kPanelWidth) {
      for (int64_t i = 0; i < kParts; ++i) at(y + c * kPanelWidth, i) = at(line, i) * (1.0f / at(sum, i));
    } else {
      for (int64_t l = first; l < last; ++l) y[c * kPanelWidth + l] = line[l] * (1.0f / sum[l]);
    }
  }
}

SPARSMITH_TARGET static void attend(const HeadRows& rows) {
  alignas(64) float scores[kKeys * kPanels * kPanelWidth];
  alignas(64) float context[RowMath::kMostWidth * kPanels * kPanelWidth];
  alignas(64) float most[kPanels * kPanelWidth], sum[kPanels * kPanelWidth], kept[kPanels * kPanelWidth];
  const int64_t end_panel = (rows.first_query + rows.queries - 1) / kPanelWidth + 1;
  const int64_t end_key = rows.first_key + rows.keys;
  for (int64_t panel = rows.first_query / kPanelWidth; panel < end_panel; panel += kPanels) {
    const int64_t count = std::min(kPanels, end_panel - panel);
    const float* q[kPanels];
    for (int64_t p = 0; p < kPanels; ++p) q[p] = rows.q + (panel + std::min(p, count - 1)) * rows.q_panel;
    std::fill_n(most, kPanels * kPanelWidth, -INFINITY);
    std::fill_n(sum, kPanels * kPanelWidth, 0.0f);
    std::fill_n(context, rows.width * kPanels * kPanelWidth, 0.0f);
    for (int64_t block = rows.first_key / kRows * kRows; block < end_key; block += kKeys) {
      // Tiles of keys don't cross panels; what they compute of rows that are no keys of ours is left alone.
      const int64_t first = std::max(block, rows.first_key), last = std::min(block + kKeys, end_key);
      for (int64_t key = block; key < last; key += kRows) {
        multiply(rows, q, rows.k + key / kPanelWidth * rows.k_panel + key % kPanelWidth,
                 scores + (key - block) * kPanels * kPanelWidth);
      }
      float* const ours = scores + (first - block) * kPanels * kPanelWidth;
      for (int64_t p = 0; p < kPanels; ++p) {
        const int64_t lane = p * kPanelWidth, query = (panel + std::min(p, count - 1)) * kPanelWidth;
        soften(rows, query, first, last - first, ours + lane, most + lane, sum + lane, kept + lane);
      }
      int64_t channel = 0;
      for (; channel + kRows <= rows.width; channel += kRows) {
        weigh<kRows>(rows, ours, first, last - first, channel, kept, context);
      }
      for (; channel < rows.width; ++channel) weigh<1>(rows, ours, first, last - first, channel, kept, context);
    }
    for (int64_t p = 0; p < count; ++p) store(rows, panel + p, context + p * kPanelWidth, sum + p * kPanelWidth);
  }
}

SPARSMITH_TARGET static void normalise(const float* x, int64_t channels, const float* scales, const float* shifts,
                                       float epsilon, float* y) {
  constexpr int64_t kSums = 8 / kParts < 1 ? 1 : 8 / kParts;  // side by side, so that additions needn't wait
  const auto count = static_cast<float>(channels);
  for (int64_t i = 0; i < kParts; ++i) {
    Vector sums[kSums] = {}, squares[kSums] = {};
    int64_t c = 0;
    for (; c + kSums <= channels; c += kSums) {
      for (int64_t s = 0; s < kSums; ++s) sums[s] += at(x + (c + s) * kPanelWidth, i);
    }
    for (; c < channels; ++c) sums[0] += at(x + c * kPanelWidth, i);
    for (int64_t s = 1; s < kSums; ++s) sums[0] += sums[s];
    const Vector centre = sums[0] / count;
    for (int64_t s = 0; s < kSums; ++s) sums[s] = Vector{};
    // Sums of small differences are exact where those of large elements aren't.
    for (c = 0; c + kSums <= channels; c += kSums) {
      for (int64_t s = 0; s < kSums; ++s) {
        const Vector off = at(x + (c + s) * kPanelWidth, i) - centre;
        sums[s] += off;
        squares[s] += off * off;
      }
    }
    for (; c < channels; ++c) {
      const Vector off = at(x + c * kPanelWidth, i) - centre;
      sums[0] += off;
      squares[0] += off * off;
    }
    for (int64_t s = 1; s < kSums; ++s) {
      sums[0] += sums[s];
      squares[0] += squares[s];
    }
    const Vector off = sums[0] / count;
    Vector variance = squares[0] / count - off * off;
    variance = (variance < 0.0f ? Vector{} : variance) + epsilon;
    Vector scale;
    for (int64_t l = 0; l < kWidth; ++l) scale[l] = 1.0f / std::sqrt(variance[l]);
    const Vector offset = -off * scale;
    for (c = 0; c < channels; ++c) {
      const float shift = shifts == nullptr ? 0.0f : shifts[c];
      at(y + c * kPanelWidth, i) = ((at(x + c * kPanelWidth, i) - centre) * scale + offset) * scales[c] + shift;
    }
  }
}

#undef SPARSMITH_INLINE

constexpr RowMath kRowMath{attend, normalise};
