// The entry point that libFuzzer calls.
#include <cstddef>
#include <cstdint>

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sparsmith::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
