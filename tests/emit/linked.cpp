// The digits' network linked in, from C++.
#include <algorithm>
#include <cstdio>

#include "digits_cnn.h"
#include "seven.h"

int main() {
  float pixels[SEVEN_PIXELS], scores[10];
  for (int i = 0; i < SEVEN_PIXELS; ++i) pixels[i] = seven_pixel(i);
  const auto model = digits_cnn_load();
  if (!model) return std::fprintf(stderr, "%s\n", model.error().message.c_str()), 1;
  const int64_t shape[] = {1, 1, 16, 16};
  const sparsmith::InputTensor image{pixels, shape};
  void* const output = scores;
  sparsmith::ModelArgs args;
  args.inputs = {&image, 1};
  args.outputs = {&output, 1};
  if (const auto ran = model->run(args); !ran) return std::fprintf(stderr, "%s\n", ran.error().message.c_str()), 1;
  const auto best = std::max_element(scores, scores + 10) - scores;
  std::printf("a %d, from %zu bytes linked in\n", static_cast<int>(best), digits_cnn_smk_size);
  return best == 7 ? 0 : 1;
}
