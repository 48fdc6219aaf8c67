#include "target.h"

namespace sparsmith::fuzz {

void run(std::string_view input) { check(parse_smtx(input, 1, "fuzz.smtx"), "fuzz.smtx"); }

std::vector<std::string> seeds() {
  return {"3, 4, 5\n0 2 2 5 \n0 3 0 1 2 \n", "3 4 5\r\n0 2 2 5\r\n0 3 0 1 2", "2, 2, 0\n0 0 0\n\n", "1,1,1\n0\t1\n0",
          "8, 100, 12\n0 1 3 3 6 8 9 10 12\n99 0 50 1 2 3 10 20 7 8 0 99\n"};
}

}  // namespace sparsmith::fuzz
