/* The header is complete by itself, as C99, and what it promises never to change is so. */
#include "sparsmith/c_api.h"
/* A second time nothing happens. */
#include "sparsmith/c_api.h"

/* A negative size where the condition doesn't hold. */
#define HOLDS(name, condition) typedef char name[(condition) ? 1 : -1]
HOLDS(status_numbers,
      SPARSMITH_OK == 0 && SPARSMITH_BAD_INPUT == 1 && SPARSMITH_UNSUITABLE == 2 && SPARSMITH_INTERNAL == 3);
HOLDS(element_numbers, SPARSMITH_FLOAT32 == 0 && SPARSMITH_FLOAT64 == 1 && SPARSMITH_FLOAT16 == 2 &&
                           SPARSMITH_BFLOAT16 == 3 && SPARSMITH_INT8 == 4 && SPARSMITH_UINT8 == 5 &&
                           SPARSMITH_INT16 == 6 && SPARSMITH_UINT16 == 7 && SPARSMITH_INT32 == 8 &&
                           SPARSMITH_UINT32 == 9 && SPARSMITH_INT64 == 10 && SPARSMITH_UINT64 == 11 &&
                           SPARSMITH_BOOL == 12);
HOLDS(status_is_an_int, sizeof(sparsmith_status) == 4 && sizeof(sparsmith_element) == 4);
HOLDS(shape_layout, offsetof(sparsmith_shape, sizes) == 8 && sizeof(sparsmith_shape) == 8 + 8 * SPARSMITH_MAX_RANK);
HOLDS(info_layout, offsetof(sparsmith_tensor_info, element) == sizeof(char*) &&
                       offsetof(sparsmith_tensor_info, shape) == sizeof(char*) + 8);

int main(void) {
  static const size_t sizes[] = {4, 8, 2, 2, 1, 1, 2, 2, 4, 4, 8, 8, 1};
  sparsmith_element element;
  for (element = SPARSMITH_FLOAT32; element <= SPARSMITH_BOOL; ++element) {
    if (sparsmith_element_size(element) != sizes[element]) return 1;
  }
  if (sparsmith_element_size(-1) != 0 || sparsmith_element_size(SPARSMITH_BOOL + 1) != 0) return 1;
  /* Linked, not only declared. */
  sparsmith_model_free(NULL);
  return sparsmith_last_error()[0] != '\0' || sparsmith_last_hint()[0] != '\0';
}
