#include "target.h"
#include "tests/load/bytes.h"

namespace sparsmith::fuzz {

void run(std::string_view input) {
  check(parse_safetensors(input, "", "fuzz.safetensors"), "fuzz.safetensors");
  check(parse_safetensors(input, "w", "fuzz.safetensors"), "fuzz.safetensors");
}

std::vector<std::string> seeds() {
  const std::string data(24, '\1');
  return {
      test::safetensors_bytes(R"({"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})", data),
      test::safetensors_bytes(R"({"w":{"dtype":"BF16","shape":[12],"data_offsets":[0,24]}}   )", data),
      test::safetensors_bytes(R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F16","shape":[4],"data_offsets":[0,8]},)"
                              R"("w":{"dtype":"F32","shape":[4,1,1],"data_offsets":[8,24]}})",
                              data),
      test::safetensors_bytes(R"({"i":{"dtype":"I64","shape":[3],"data_offsets":[0,24]},)"
                              R"("w":{"dtype":"F32","shape":[0],"data_offsets":[24,24]}})",
                              data),
  };
}

}  // namespace sparsmith::fuzz
