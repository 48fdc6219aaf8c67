// Arrays of any element type, as models take and give them.
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "bytes.h"
#include "check.h"
#include "load/zip_write.h"

namespace sparsmith::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

template <class T>
std::vector<T> elements(const NamedTensor& tensor) {
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

template <class T>
NamedTensor tensor_of(std::string name, ElementType element, std::vector<int64_t> shape, const std::vector<T>& values) {
  NamedTensor tensor{std::move(name), element, std::move(shape), {}};
  tensor.bytes.resize(values.size() * sizeof(T));
  std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

template <class T>
void reads(const char* type, ElementType element) {
  const std::vector<T> values = {T{0}, T{1}, T{2}, T{3}, T{4}, T(100)};
  for (const std::string order : {"<", ">"}) {
    const std::string data = order == ">" ? raw_swapped(values) : raw(values);
    const NamedTensor tensor = value_of(parse_npy_tensor(npy_array(order + type, "(2, 3)", data), "x.npy"));
    EXPECT_EQ(tensor.element, element) << type;
    EXPECT_THAT(tensor.shape, ElementsAre(2, 3));
    EXPECT_EQ(elements<T>(tensor), values) << order << type;
    // (3, 2) in Fortran order is the transpose of (2, 3).
    const NamedTensor turned = value_of(parse_npy_tensor(npy_array(order + type, "(3, 2)", data, true), "x.npy"));
    EXPECT_THAT(elements<T>(turned), ElementsAre(values[0], values[3], values[1], values[4], values[2], values[5]));
  }
}

TEST(Tensors, ReadsEveryTypeInBothByteOrdersAndBothIndexOrders) {
  reads<float>("f4", ElementType::f32);
  reads<double>("f8", ElementType::f64);
  reads<uint16_t>("f2", ElementType::f16);
  reads<uint16_t>("V2", ElementType::bf16);
  reads<int8_t>("i1", ElementType::i8);
  reads<uint8_t>("u1", ElementType::u8);
  reads<int16_t>("i2", ElementType::i16);
  reads<uint16_t>("u2", ElementType::u16);
  reads<int32_t>("i4", ElementType::i32);
  reads<uint32_t>("u4", ElementType::u32);
  reads<int64_t>("i8", ElementType::i64);
  reads<uint64_t>("u8", ElementType::u64);
}

TEST(Tensors, BooleansAreZeroOrOne) {
  const NamedTensor tensor = value_of(parse_npy_tensor(npy_array("|b1", "(4,)", std::string("\0\1\2\xff", 4)), "x"));
  EXPECT_EQ(tensor.element, ElementType::boolean);
  EXPECT_THAT(elements<uint8_t>(tensor), ElementsAre(0, 1, 1, 1));
}

TEST(Tensors, ReadsScalarsAndEmptyArrays) {
  EXPECT_THAT(
      elements<int64_t>(value_of(parse_npy_tensor(npy_array("<i8", "()", raw(std::vector<int64_t>{7})), "x.npy"))),
      ElementsAre(7));
  const NamedTensor empty = value_of(parse_npy_tensor(npy_array("<i8", "(0, 3)", "", true), "x.npy"));
  EXPECT_THAT(empty.shape, ElementsAre(0, 3));
  EXPECT_TRUE(empty.bytes.empty());
}

TEST(Tensors, ReadsAllMembersInTheirOrder) {
  const std::string bytes =
      zip_bytes({{"pixels.npy", npy_array("<f4", "(2,)", raw(Floats{1, 2})), true},
                 {"/encoder/ids:0.npy", npy_array(">i8", "(1,)", raw_swapped(std::vector<int64_t>{-5}))}});
  const auto tensors = value_of(parse_npz_tensors(bytes, "x.npz"));
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors[0].name, "pixels");
  EXPECT_EQ(tensors[1].name, "/encoder/ids:0");
  EXPECT_THAT(elements<int64_t>(tensors[1]), ElementsAre(-5));
}

TEST(TensorsBad, NamesTheMemberAndWhatIsWrong) {
  const std::string text = npy_array("<U4", "(1,)", std::string(16, 'a'));
  expect_bad_input(parse_npz_tensors(zip_bytes({{"label.npy", text}}), "x.npz"), {"x.npz:label", "<U4"});
  expect_bad_input(parse_npy_tensor(npy_array("<c8", "(1,)", std::string(8, 'a')), "x.npy"), {"x.npy", "<c8"});
  expect_bad_input(parse_npy_tensor(npy_array("<f3", "(1,)", std::string(3, 'a')), "x.npy"), {"<f3"});
  expect_bad_input(parse_npy_tensor(npy_array("<i8", "(2,)", std::string(15, 'a')), "x.npy"), {"16 bytes", "15"});
  expect_bad_input(parse_npy_tensor(npy_array("<i8", "(1099511627776, 64)", ""), "x.npy"), {"x.npy"});
  const std::string twice = npy_array("<f4", "(1,)", raw(Floats{1}));
  expect_bad_input(parse_npz_tensors(zip_bytes({{"a.npy", twice}, {"a.npy", twice}}), "x.npz"),
                   {"two arrays", "\"a\""});
  std::vector<ZipMember> many;
  for (int i = 0; i < 1001; ++i) many.push_back({std::to_string(i) + ".npy", twice});
  expect_bad_input(parse_npz_tensors(zip_bytes(many), "x.npz"), {"1001 arrays", "at most 1000"});
}

class TensorFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "sparsmith_tensors_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  fs::path folder_;
};

std::vector<NamedTensor> of_every_kind() {
  return {tensor_of<float>("x", ElementType::f32, {2, 1, 3}, {1, -2, 3, 4, 5, 6}),
          tensor_of<int64_t>("dir/ids", ElementType::i64, {2}, {-1, int64_t{1} << 40}),
          tensor_of<uint8_t>("mask:0", ElementType::boolean, {3}, {1, 0, 1}),
          tensor_of<uint16_t>("half", ElementType::f16, {}, {0x3c00}),
          tensor_of<uint16_t>("brain", ElementType::bf16, {1}, {0x3f80}),
          tensor_of<double>("none", ElementType::f64, {4, 0}, {})};
}

void expect_equal(const std::vector<NamedTensor>& actual, const std::vector<NamedTensor>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    EXPECT_EQ(actual[i].name, expected[i].name);
    EXPECT_EQ(actual[i].element, expected[i].element);
    EXPECT_EQ(actual[i].shape, expected[i].shape);
    EXPECT_EQ(actual[i].bytes, expected[i].bytes);
  }
}

TEST_F(TensorFiles, ReadsBackWhatItSaves) {
  const auto tensors = of_every_kind();
  ASSERT_TRUE(save_tensors(path("t.npz"), tensors).ok());
  expect_equal(value_of(load_tensors(path("t.npz"))), tensors);
  for (NamedTensor one : tensors) {
    one.name.clear();
    ASSERT_TRUE(save_tensors(path("one.NPY"), std::vector<NamedTensor>{one}).ok());
    expect_equal(value_of(load_tensors(path("one.NPY"))), {one});
  }
  EXPECT_THAT(value_of(load_array(path("t.npz") + ":x")).data, ElementsAre(1, -2, 3, 4, 5, 6));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 2) << "a temporary file was left";
}

TEST_F(TensorFiles, EqualTensorsMakeEqualFiles) {
  const auto content = [&](const std::string& name) {
    EXPECT_TRUE(save_tensors(path(name), of_every_kind()).ok());
    std::ifstream file(path(name), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_EQ(content("a.npz"), content("b.npz"));
}

TEST(ZipWrite, LargeMembersAreReadBackFromZip64Fields) {
  const std::string one = npy_array("<f4", "(2,)", raw(Floats{1, 2})), two = npy_array("<f4", "(1,)", raw(Floats{3}));
  const std::string_view one_view = one;
  // From here on sizes and offsets are "too large": of everything; of the larger member; of the directory's place.
  for (const uint64_t from : {uint64_t{0}, one.size(), one.size() + 60}) {
    const auto archive =
        load::make_zip({{"a.npy", one_view.substr(0, 10), one_view.substr(10)}, {"b.npy", two, {}}}, "x.npz", from);
    ASSERT_TRUE(archive.ok());
    std::string bytes;
    for (const std::string_view piece : archive->pieces) bytes += piece;
    const auto tensors = value_of(parse_npz_tensors(bytes, "x.npz"));
    ASSERT_EQ(tensors.size(), 2u) << from;
    EXPECT_THAT(elements<float>(tensors[0]), ElementsAre(1, 2));
    EXPECT_THAT(elements<float>(tensors[1]), ElementsAre(3));
  }
}

TEST_F(TensorFiles, RefusesWhatAFileCannotHold) {
  const NamedTensor x = tensor_of<float>("x", ElementType::f32, {1}, {1});
  const auto refused = [&](const std::string& name, std::vector<NamedTensor> tensors, const char* part) {
    const Status saved = save_tensors(path(name), tensors);
    ASSERT_FALSE(saved.ok()) << part;
    EXPECT_THAT(saved.error().message, HasSubstr(part));
    EXPECT_FALSE(fs::exists(path(name)));
  };
  refused("t.npy", {x, x}, "one array, not 2");
  refused("t.npz", {x, x}, "two arrays");
  refused("t.bin", {x}, "suffix");
  NamedTensor broken = x;
  broken.shape = {2};
  refused("t.npz", {broken}, "4 bytes");
  broken = x;
  broken.name.clear();
  refused("t.npz", {broken}, "without a name");
  broken.name = std::string(70000, 'n');
  refused("t.npz", {broken}, "zip archive holds at most");
  expect_bad_input(load_tensors(path("none.npz")), {"none.npz"});
  expect_bad_input(load_tensors(path("t.onnx")), {"suffix"});
}

}  // namespace
}  // namespace sparsmith::test
