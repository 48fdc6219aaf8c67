#include "target.h"
#include "tests/load/bytes.h"

namespace sparsmith::fuzz {
namespace {

using test::npy_array;
using test::raw;
using test::ZipMember;

std::vector<ZipMember> sparse(const std::string& format, bool deflate) {
  const std::vector<int32_t> offsets = {0, 2, 2, 4}, indices = {0, 2, 0, 1}, rows = {0, 0, 2, 2};
  const std::vector<int64_t> shape = {3, 3};
  const std::vector<float> values = {1, 2, 3, 4};
  std::vector<ZipMember> members = {{"format.npy", npy_array("|S3", "()", format), deflate},
                                    {"shape.npy", npy_array("<i8", "(2,)", raw(shape)), deflate}};
  const std::string data_shape = format == "bsr" ? "(4, 1, 1)" : "(4,)";
  members.push_back({"data.npy", npy_array("<f4", data_shape, raw(values)), deflate});
  if (format == "coo") {
    members.push_back({"row.npy", npy_array("<i4", "(4,)", raw(rows)), deflate});
    members.push_back({"col.npy", npy_array("<i4", "(4,)", raw(indices)), deflate});
  } else {
    members.push_back({"indptr.npy", npy_array("<i4", "(4,)", raw(offsets)), deflate});
    members.push_back({"indices.npy", npy_array("<i4", "(4,)", raw(indices)), deflate});
  }
  return members;
}

}  // namespace

void run(std::string_view input) {
  check(parse_npz_weights(input, "", "fuzz.npz"), "fuzz.npz");
  check(parse_npz_weights(input, "w", "fuzz.npz"), "fuzz.npz");
  check(parse_npz_array(input, "", "fuzz.npz"), "fuzz.npz");
  const auto tensors = parse_npz_tensors(input, "fuzz.npz");
  if (!tensors.ok()) return check_error(tensors.error(), "fuzz.npz");
  for (const NamedTensor& tensor : *tensors) check(tensor);
}

std::vector<std::string> seeds() {
  std::vector<std::string> all;
  const std::string matrix = npy_array("<f4", "(2, 3)", raw(std::vector<float>{1, 0, 3, 0, 5, 0}));
  const std::string zeros = npy_array("<f4", "(8, 64)", std::string(8 * 64 * 4, '\0'));
  for (const bool deflate : {false, true}) {
    all.push_back(test::zip_bytes({{"w.npy", matrix, deflate}}));
    all.push_back(test::zip_bytes({{"w.npy", zeros, deflate}, {"v.npy", matrix, !deflate}}));
    all.push_back(test::zip_bytes({{"w.npy", matrix, deflate}}, {.zip64 = true}));
    all.push_back(test::zip_bytes({{"w.npy", matrix, deflate}}, {.sizes_after_data = true}));
    for (const char* format : {"csr", "csc", "coo", "bsr"}) all.push_back(test::zip_bytes(sparse(format, deflate)));
  }
  return all;
}

}  // namespace sparsmith::fuzz
