/* The digits' network linked in, from C. */
#include <stdint.h>
#include <stdio.h>

#include "digits_cnn.h"
#include "seven.h"

int main(void) {
  sparsmith_model* model = NULL;
  sparsmith_input image = {NULL, {4, {1, 1, 16, 16}}};
  float pixels[SEVEN_PIXELS], scores[10];
  void* const outputs[] = {scores};
  int i, best = 0;
  for (i = 0; i < SEVEN_PIXELS; ++i) pixels[i] = seven_pixel(i);
  image.data = pixels;
  if ((uintptr_t)digits_cnn_smk % 64 != 0) {
    fprintf(stderr, "the artifact is not aligned\n");
    return 1;
  }
  if (digits_cnn_load(&model) != SPARSMITH_OK || sparsmith_model_run(model, &image, 1, outputs, 1, 1) != SPARSMITH_OK) {
    fprintf(stderr, "%s\n%s\n", sparsmith_last_error(), sparsmith_last_hint());
    return 1;
  }
  sparsmith_model_free(model);
  for (i = 1; i < 10; ++i) best = scores[i] > scores[best] ? i : best;
  printf("a %d, from %lu bytes linked in\n", best, (unsigned long)digits_cnn_smk_size);
  return best == 7 ? 0 : 1;
}
