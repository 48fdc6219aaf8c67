/* Loads the model of make_model.cpp, runs it, and makes every kind of mistake: each has a code and a message.
 *   model_test M.smk */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sparsmith/c_api.h"

static int failures = 0;

static void expect(int holds, const char* what, int line) {
  if (holds) return;
  fprintf(stderr, "model_test.c:%d: %s\n  last error: %s\n", line, what, sparsmith_last_error());
  ++failures;
}
#define EXPECT(condition) expect((condition) != 0, #condition, __LINE__)

/* A failure with the code, whose message has the text in it. */
static void expect_error(sparsmith_status status, sparsmith_status code, const char* text, int line) {
  if (status == code && strstr(sparsmith_last_error(), text) != NULL) return;
  fprintf(stderr, "model_test.c:%d: status %d, \"%s\"; expected %d and a message with \"%s\"\n", line, (int)status,
          sparsmith_last_error(), (int)code, text);
  ++failures;
}
#define EXPECT_ERROR(call, code, text) expect_error((call), (code), (text), __LINE__)

static const float kOffset[3] = {0, 1, -1};
static const float kImage[6] = {1, -5, 4, 0.5f, 2, -3};

static void run_once(const sparsmith_model* model, int64_t rows, int threads) {
  static const float kScores[6] = {1, 0, 3, 0.5f, 3, 0};
  static const int64_t kBest[2] = {2, 1};
  const sparsmith_input inputs[2] = {{kImage, {2, {rows, 3}}}, {kOffset, {1, {3}}}};
  float scores[6] = {-1, -1, -1, -1, -1, -1};
  int64_t best[2] = {-1, -1};
  void* outputs[2];
  outputs[0] = scores;
  outputs[1] = best;
  EXPECT(sparsmith_model_run(model, inputs, 2, outputs, 2, threads) == SPARSMITH_OK);
  EXPECT(memcmp(scores, kScores, (size_t)rows * 3 * sizeof scores[0]) == 0);
  EXPECT(memcmp(best, kBest, (size_t)rows * sizeof best[0]) == 0);
  EXPECT(rows == 2 || (scores[3] == -1 && best[1] == -1));
}

static void check_description(const sparsmith_model* model) {
  const sparsmith_tensor_info *inputs = NULL, *outputs = NULL;
  size_t input_count = 0, output_count = 0;
  EXPECT(strcmp(sparsmith_model_name(model), "rank") == 0);
  EXPECT(strncmp(sparsmith_model_target(model), "x86-64", 6) == 0);
  EXPECT(sparsmith_model_inputs(model, &inputs, &input_count) == SPARSMITH_OK);
  EXPECT(sparsmith_model_outputs(model, &outputs, &output_count) == SPARSMITH_OK);
  if (input_count != 2 || output_count != 2) {
    EXPECT(input_count == 2 && output_count == 2);
    return;
  }
  EXPECT(strcmp(inputs[0].name, "image") == 0 && inputs[0].element == SPARSMITH_FLOAT32);
  EXPECT(inputs[0].shape.rank == 2 && inputs[0].shape.sizes[0] == -1 && inputs[0].shape.sizes[1] == 3);
  EXPECT(strcmp(inputs[1].name, "offset") == 0 && inputs[1].shape.rank == 1 && inputs[1].shape.sizes[0] == 3);
  EXPECT(strcmp(outputs[0].name, "scores") == 0 && outputs[0].element == SPARSMITH_FLOAT32);
  EXPECT(strcmp(outputs[1].name, "best") == 0 && outputs[1].element == SPARSMITH_INT64);
}

static void check_shapes(const sparsmith_model* model) {
  sparsmith_shape inputs[2] = {{2, {7, 3}}, {1, {3}}};
  sparsmith_shape outputs[2];
  int64_t bytes = -1;
  EXPECT(sparsmith_model_output_shapes(model, inputs, 2, outputs, 2) == SPARSMITH_OK);
  EXPECT(outputs[0].rank == 2 && outputs[0].sizes[0] == 7 && outputs[0].sizes[1] == 3);
  EXPECT(outputs[1].rank == 1 && outputs[1].sizes[0] == 7);
  EXPECT(sparsmith_model_memory(model, inputs, 2, &bytes) == SPARSMITH_OK && bytes >= 7 * 3 * 4);

  EXPECT_ERROR(sparsmith_model_output_shapes(model, inputs, 1, outputs, 2), SPARSMITH_BAD_INPUT,
               "has 2 inputs; 1 were");
  EXPECT_ERROR(sparsmith_model_output_shapes(model, inputs, 2, outputs, 3), SPARSMITH_BAD_INPUT,
               "has 2 outputs; 3 were");
  EXPECT_ERROR(sparsmith_model_output_shapes(NULL, inputs, 2, outputs, 2), SPARSMITH_BAD_INPUT, "model is NULL");
  EXPECT_ERROR(sparsmith_model_output_shapes(model, NULL, 2, outputs, 2), SPARSMITH_BAD_INPUT, "inputs is NULL");
  EXPECT_ERROR(sparsmith_model_output_shapes(model, inputs, 2, NULL, 2), SPARSMITH_BAD_INPUT, "outputs is NULL");
  EXPECT_ERROR(sparsmith_model_memory(NULL, inputs, 2, &bytes), SPARSMITH_BAD_INPUT,
               "sparsmith_model_memory: model is NULL");
  EXPECT_ERROR(sparsmith_model_memory(model, NULL, 2, &bytes), SPARSMITH_BAD_INPUT, "inputs is NULL");
  EXPECT_ERROR(sparsmith_model_memory(model, inputs, 2, NULL), SPARSMITH_BAD_INPUT, "activation_bytes is NULL");
  EXPECT_ERROR(sparsmith_model_memory(model, inputs, 0, &bytes), SPARSMITH_BAD_INPUT, "has 2 inputs; 0 were");

  outputs[0].rank = -7;
  inputs[0].sizes[1] = 4; /* doesn't fit the offset */
  EXPECT_ERROR(sparsmith_model_output_shapes(model, inputs, 2, outputs, 2), SPARSMITH_BAD_INPUT, "4");
  EXPECT(outputs[0].rank == -7);
  inputs[0].rank = SPARSMITH_MAX_RANK + 1;
  EXPECT_ERROR(sparsmith_model_output_shapes(model, inputs, 2, outputs, 2), SPARSMITH_BAD_INPUT,
               "\"image\" has rank 17");
  inputs[0].rank = -1;
  EXPECT_ERROR(sparsmith_model_memory(model, inputs, 2, &bytes), SPARSMITH_BAD_INPUT, "rank -1");
  inputs[0].rank = 2;
  inputs[0].sizes[1] = INT64_MAX;
  EXPECT_ERROR(sparsmith_model_memory(model, inputs, 2, &bytes), SPARSMITH_BAD_INPUT, "image");
}

static void check_run_errors(const sparsmith_model* model) {
  sparsmith_input inputs[2] = {{kImage, {2, {1, 3}}}, {kOffset, {1, {3}}}};
  float scores[3] = {-1, -1, -1};
  int64_t best[1] = {-1};
  void* outputs[2];
  outputs[0] = scores;
  outputs[1] = best;
  EXPECT_ERROR(sparsmith_model_run(NULL, inputs, 2, outputs, 2, 1), SPARSMITH_BAD_INPUT,
               "sparsmith_model_run: model is NULL");
  EXPECT_ERROR(sparsmith_model_run(model, NULL, 2, outputs, 2, 1), SPARSMITH_BAD_INPUT, "inputs is NULL");
  EXPECT_ERROR(sparsmith_model_run(model, inputs, 2, NULL, 2, 1), SPARSMITH_BAD_INPUT, "outputs is NULL");
  EXPECT_ERROR(sparsmith_model_run(model, inputs, 1, outputs, 2, 1), SPARSMITH_BAD_INPUT, "has 2 inputs; 1 were");
  EXPECT_ERROR(sparsmith_model_run(model, NULL, 0, outputs, 2, 1), SPARSMITH_BAD_INPUT, "has 2 inputs; 0 were");
  EXPECT_ERROR(sparsmith_model_run(model, inputs, 99, outputs, 2, 1), SPARSMITH_BAD_INPUT, "has 2 inputs; 99 were");
  EXPECT_ERROR(sparsmith_model_run(model, inputs, 2, outputs, 1, 1), SPARSMITH_BAD_INPUT, "has 2 outputs; 1 were");
  EXPECT_ERROR(sparsmith_model_run(model, inputs, 2, outputs, 2, 0), SPARSMITH_BAD_INPUT, "threads");
  inputs[0].data = NULL;
  EXPECT_ERROR(sparsmith_model_run(model, inputs, 2, outputs, 2, 1), SPARSMITH_BAD_INPUT, "\"image\"");
  inputs[0].data = kImage;
  inputs[0].shape.rank = 100;
  EXPECT_ERROR(sparsmith_model_run(model, inputs, 2, outputs, 2, 1), SPARSMITH_BAD_INPUT, "rank 100");
  inputs[0].shape.rank = 1;
  EXPECT_ERROR(sparsmith_model_run(model, inputs, 2, outputs, 2, 1), SPARSMITH_BAD_INPUT, "image");
  inputs[0].shape.rank = 2;
  outputs[1] = NULL;
  EXPECT_ERROR(sparsmith_model_run(model, inputs, 2, outputs, 2, 1), SPARSMITH_BAD_INPUT, "\"best\"");
  EXPECT(scores[0] == -1 && best[0] == -1);
  /* The message stays while calls succeed. */
  EXPECT(sparsmith_element_size(SPARSMITH_FLOAT32) == 4 && strstr(sparsmith_last_error(), "\"best\"") != NULL);
}

static void check_null_queries(const sparsmith_model* model) {
  const sparsmith_tensor_info* infos = NULL;
  size_t count = 0;
  EXPECT(sparsmith_model_name(NULL) == NULL && sparsmith_model_target(NULL) == NULL);
  EXPECT_ERROR(sparsmith_model_inputs(NULL, &infos, &count), SPARSMITH_BAD_INPUT,
               "sparsmith_model_inputs: model is NULL");
  EXPECT_ERROR(sparsmith_model_inputs(model, NULL, &count), SPARSMITH_BAD_INPUT, "infos is NULL");
  EXPECT_ERROR(sparsmith_model_outputs(model, &infos, NULL), SPARSMITH_BAD_INPUT, "count is NULL");
  EXPECT(infos == NULL && count == 0);
}

static unsigned char* read_all(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  unsigned char* bytes = NULL;
  long end = -1;
  if (file == NULL) return NULL;
  if (fseek(file, 0, SEEK_END) == 0) end = ftell(file);
  if (end > 0 && fseek(file, 0, SEEK_SET) == 0) bytes = malloc((size_t)end);
  if (bytes != NULL) *size = fread(bytes, 1, (size_t)end, file);
  fclose(file);
  return bytes;
}

static void check_loading(unsigned char* bytes, size_t size) {
  sparsmith_model* model = NULL;
  EXPECT_ERROR(sparsmith_model_load("no/such/file.smk", &model), SPARSMITH_BAD_INPUT, "no/such/file.smk");
  EXPECT_ERROR(sparsmith_model_load(NULL, &model), SPARSMITH_BAD_INPUT, "sparsmith_model_load: path is NULL");
  EXPECT_ERROR(sparsmith_model_load("x", NULL), SPARSMITH_BAD_INPUT, "model is NULL");
  EXPECT_ERROR(sparsmith_model_from_bytes(NULL, 0, "here", &model), SPARSMITH_BAD_INPUT, "artifact is NULL");
  EXPECT_ERROR(sparsmith_model_from_bytes(bytes, size, "here", NULL), SPARSMITH_BAD_INPUT, "model is NULL");
  EXPECT_ERROR(sparsmith_model_from_bytes("text", 4, "here", &model), SPARSMITH_BAD_INPUT,
               "here is not a compiled model");
  EXPECT(strstr(sparsmith_last_hint(), "sparsmith compile") != NULL);
  EXPECT_ERROR(sparsmith_model_from_bytes(bytes, size - 1, NULL, &model), SPARSMITH_BAD_INPUT, "model is damaged");
  bytes[size / 2] ^= 1;
  EXPECT_ERROR(sparsmith_model_from_bytes(bytes, size, "here", &model), SPARSMITH_BAD_INPUT, "checksum");
  bytes[size / 2] ^= 1;
  EXPECT(model == NULL);

  EXPECT(sparsmith_model_from_bytes(bytes, size, NULL, &model) == SPARSMITH_OK);
  memset(bytes, 0, size); /* the model has copied what it needs */
  if (model != NULL) run_once(model, 2, 1);
  sparsmith_model_free(model);
}

int main(int argc, char** argv) {
  sparsmith_model* model = NULL;
  unsigned char* bytes;
  size_t size = 0;
  if (argc != 2) {
    fprintf(stderr, "usage: model_test M.smk\n");
    return 2;
  }
  EXPECT(strcmp(sparsmith_last_error(), "") == 0 && strcmp(sparsmith_last_hint(), "") == 0);
  if (sparsmith_model_load(argv[1], &model) != SPARSMITH_OK) {
    fprintf(stderr, "%s\n%s\n", sparsmith_last_error(), sparsmith_last_hint());
    return 1;
  }
  check_description(model);
  run_once(model, 1, 1);
  run_once(model, 2, 2);
  check_shapes(model);
  check_run_errors(model);
  check_null_queries(model);
  run_once(model, 2, 1);
  sparsmith_model_free(model);

  bytes = read_all(argv[1], &size);
  EXPECT(bytes != NULL && size > 0);
  if (bytes != NULL) check_loading(bytes, size);
  free(bytes);
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
