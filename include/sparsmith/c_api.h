/**
 * \file
 * Whole models (model.h) from C, and from languages that call C. Everything here is in libsparsmith_runtime.
 *
 * Functions that can fail return a sparsmith_status: 0, or a code whose message sparsmith_last_error() then gives.
 * What they write through pointers is unchanged when they fail. NULL where nothing says that it may be is
 * SPARSMITH_BAD_INPUT. No C++ exception leaves these functions.
 *
 *     sparsmith_model* model = NULL;
 *     if (sparsmith_model_load("model.smk", &model) != SPARSMITH_OK) {
 *       fprintf(stderr, "%s\n%s\n", sparsmith_last_error(), sparsmith_last_hint());
 *       return 1;
 *     }
 *     const sparsmith_input image = {pixels, {4, {1, 3, 224, 224}}};
 *     float scores[1000];
 *     void* const outputs[] = {scores};
 *     if (sparsmith_model_run(model, &image, 1, outputs, 1, 4) != SPARSMITH_OK) ...
 *     sparsmith_model_free(model);
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Whose move it is when a call fails. The numbers will not change; new ones may come. */
enum {
  SPARSMITH_OK = 0,
  SPARSMITH_BAD_INPUT = 1,  /**< the caller's data, file or arguments are wrong: the message says what would be right */
  SPARSMITH_UNSUITABLE = 2, /**< this machine or this moment can't do it: the message says why */
  SPARSMITH_INTERNAL = 3    /**< a defect of Sparsmith: please report it with the message */
};
typedef int32_t sparsmith_status;

/** The message of the last call on this thread that failed, one sentence; "" before any. It is Sparsmith's, and valid
 * until the next call on this thread that fails. */
const char* sparsmith_last_error(void);
/** What to do about it; "" where there is nothing to say. Owned and valid as the message. */
const char* sparsmith_last_hint(void);

/** Types of elements. The numbers will not change; new ones may come. */
enum {
  SPARSMITH_FLOAT32 = 0,
  SPARSMITH_FLOAT64 = 1,
  SPARSMITH_FLOAT16 = 2,
  SPARSMITH_BFLOAT16 = 3,
  SPARSMITH_INT8 = 4,
  SPARSMITH_UINT8 = 5,
  SPARSMITH_INT16 = 6,
  SPARSMITH_UINT16 = 7,
  SPARSMITH_INT32 = 8,
  SPARSMITH_UINT32 = 9,
  SPARSMITH_INT64 = 10,
  SPARSMITH_UINT64 = 11,
  SPARSMITH_BOOL = 12 /**< one byte, 0 or 1 */
};
typedef int32_t sparsmith_element;

/** Bytes of an element; 0 for a number that is none of these. */
size_t sparsmith_element_size(sparsmith_element element);

#define SPARSMITH_MAX_RANK 16

typedef struct sparsmith_shape {
  int32_t rank; /**< 0 (a scalar) to SPARSMITH_MAX_RANK */
  int64_t sizes[SPARSMITH_MAX_RANK];
} sparsmith_shape;

/** An input or output as the model declares it. */
typedef struct sparsmith_tensor_info {
  const char* name; /**< the model's */
  sparsmith_element element;
  sparsmith_shape shape; /**< -1: any size, as that of a batch */
} sparsmith_tensor_info;

/** One input of a call: elements in C order, of the type that the model declares. Not owned. */
typedef struct sparsmith_input {
  const void* data;
  sparsmith_shape shape;
} sparsmith_input;

/** A loaded model. All functions may be called from many threads at once on one model, but sparsmith_model_free, which
 * has to be the last. */
typedef struct sparsmith_model sparsmith_model;

/** Reads an artifact, checks all of it, maps the code of the best target that this machine can run.
 * SPARSMITH_BAD_INPUT: not a model's artifact, damaged, or of a newer format; SPARSMITH_UNSUITABLE: made for CPUs with
 * features that this one lacks. *model is the caller's, to be freed with sparsmith_model_free. */
sparsmith_status sparsmith_model_load(const char* path, sparsmith_model** model);
/** The same of `size` bytes in memory, which need not outlive the call. Messages name them `origin`; NULL: "model". */
sparsmith_status sparsmith_model_from_bytes(const void* artifact, size_t size, const char* origin,
                                            sparsmith_model** model);
/** NULL: nothing happens. */
void sparsmith_model_free(sparsmith_model* model);

/** The model's name, and the target whose code was taken. Both are the model's; NULL of NULL. */
const char* sparsmith_model_name(const sparsmith_model* model);
const char* sparsmith_model_target(const sparsmith_model* model);

/** What the model takes and gives: *infos is an array of *count, the model's, valid until it is freed. */
sparsmith_status sparsmith_model_inputs(const sparsmith_model* model, const sparsmith_tensor_info** infos,
                                        size_t* count);
sparsmith_status sparsmith_model_outputs(const sparsmith_model* model, const sparsmith_tensor_info** infos,
                                         size_t* count);

/** Shapes of all outputs, for a shape of each input. The counts have to be those of the model. */
sparsmith_status sparsmith_model_output_shapes(const sparsmith_model* model, const sparsmith_shape* inputs,
                                               size_t input_count, sparsmith_shape* outputs, size_t output_count);
/** Working memory of one call with inputs of such shapes, all activations with buffers reused. */
sparsmith_status sparsmith_model_memory(const sparsmith_model* model, const sparsmith_shape* inputs, size_t input_count,
                                        int64_t* activation_bytes);

/** Computes all outputs on at most `threads` threads; results do not depend on how many. outputs[i] has room for what
 * sparsmith_model_output_shapes says and overlaps neither inputs nor another output. The first call with new input
 * shapes makes what it needs for them; later ones take no memory. */
sparsmith_status sparsmith_model_run(const sparsmith_model* model, const sparsmith_input* inputs, size_t input_count,
                                     void* const* outputs, size_t output_count, int threads);

#ifdef __cplusplus
}
#endif
