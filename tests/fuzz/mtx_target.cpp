#include "target.h"

namespace sparsmith::fuzz {

void run(std::string_view input) { check(parse_mtx(input, 1, "fuzz.mtx"), "fuzz.mtx"); }

std::vector<std::string> seeds() {
  return {"%%MatrixMarket matrix coordinate real general\n% comment\n\n2 3 3\n2 2 5e-1\n1 3 +2\n1 1 -1.5\n",
          "%%MatrixMarket matrix coordinate integer symmetric\n3 3 3\n1 1 3\n2 1 4\n3 2 -1\n",
          "%%MatrixMarket matrix coordinate real skew-symmetric\n3 3 2\n2 1 4\n3 2 nan\n",
          "%%MatrixMarket matrix coordinate pattern symmetric\n2 2 2\n1 1\n2 1\n",
          "%%MatrixMarket matrix coordinate pattern general\r\n4 9 3\r\n1 1\r\n2 9\r\n4 4\r\n",
          "%%MatrixMarket matrix array real general\n2 3\n1\n0\n3\n4\n5\n6\n",
          "%%MatrixMarket matrix array integer symmetric\n2 2\n1\n2\n3\n",
          "%%MatrixMarket matrix array real skew-symmetric\n3 3\n1\n2\ninf\n"};
}

}  // namespace sparsmith::fuzz
