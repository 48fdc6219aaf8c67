#include "target.h"
#include "tests/load/bytes.h"

namespace sparsmith::fuzz {

void run(std::string_view input) {
  check(parse_npy(input, "fuzz.npy"), "fuzz.npy");
  check(parse_npy_tensor(input, "fuzz.npy"), "fuzz.npy");
}

std::vector<std::string> seeds() {
  using namespace test;
  const std::vector<float> six = {1, 0, 3, -4, 5, 6};
  const std::vector<double> three = {1, 0, -3};
  const std::vector<uint16_t> halves = {0x3c00, 0, 0x7e01, 0x0001};
  return {npy_array("<f4", "(2, 3)", raw(six)),
          npy_array("<f4", "(2, 3)", raw(six), true, 2),
          npy_array("<f4", "(1, 2, 3, 1)", raw(six), true, 3),
          npy_array(">f4", "(6,)", raw_swapped(six)),
          npy_array("<f8", "(3,)", raw(three)),
          npy_array("<f2", "(2, 2)", raw(halves)),
          npy_array("<f4", "()", raw(std::vector<float>{1})),
          npy_array(">i8", "(1, 3)", raw_swapped(three), true),
          npy_array("|b1", "(2, 2)", "abcd"),
          npy_array("<f4", "(0, 3)", ""),
          npy_bytes("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }", raw(six))};
}

}  // namespace sparsmith::fuzz
