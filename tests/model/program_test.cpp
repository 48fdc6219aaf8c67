// Programs that would read what isn't written, or write what isn't theirs, are refused.
#include "model/program.h"

#include <gtest/gtest.h>

#include "model/session.h"
#include "network.h"

namespace sparsmith::model {
namespace {

/// One Concat of two pieces of x, made in place by conversions: buffers 0 plain x, 1 x on a grid, 2 the whole, 3 and 4
/// its parts, 5 the plain result.
class Programs : public testing::Test {
 protected:
  Programs() {
    const graph::ValueId x = net_.input("x", {1, 3, 4, 4});
    y_ = net_.node("Concat", {x, x}, {{"axis", int64_t{1}}});
    net_.output(y_);
    const Format grid = Format::of(StripGrid{4, 4, 4, 4, 1, 1});
    const Format plain = Format::of(Format::Kind::plain);
    program_.buffers = {{x, plain}, {x, grid}, {y_, grid}, {x, grid, 2, 0}, {x, grid, 2, 3}, {y_, plain}};
    for (const auto& [from, to] : {std::pair{0, 1}, {1, 3}, {1, 4}, {2, 5}}) {
      program_.works.push_back({Work::Kind::convert, 0, Work::kNone, {from}, {to}});
    }
  }
  std::string refusal() {
    const Status checked = check(net_.graph(), program_);
    return checked.ok() ? "" : checked.error().message;
  }
  void expect_refusal(const std::string& what) { EXPECT_NE(refusal().find(what), std::string::npos) << refusal(); }

  test::Network net_{1};
  graph::ValueId y_ = 0;
  Program program_;
};

TEST_F(Programs, JoinPartsThatAreAllWritten) { EXPECT_EQ(refusal(), ""); }

TEST_F(Programs, ReadNoWholeBeforeItsLastPart) {
  std::swap(program_.works[2], program_.works[3]);
  expect_refusal("read before it is written");
}

TEST_F(Programs, ReadNoPart) {
  program_.works[3].inputs = {3};
  expect_refusal("a part that is read");
}

TEST_F(Programs, WriteNoWholeBesideItsParts) {
  program_.works.insert(program_.works.begin() + 1, {Work::Kind::convert, 0, Work::kNone, {1}, {2}});
  expect_refusal("written twice");
}

TEST_F(Programs, WriteNoPartTwice) {
  program_.works[2].outputs = {3};
  expect_refusal("written twice");
}

TEST_F(Programs, HavePartsOfTheSameFormatInAWholeOnly) {
  program_.buffers[4].whole = 3;
  expect_refusal("a part that can't be one");
  program_.buffers[4].whole = 6;
  expect_refusal("a part of nothing");
  program_.buffers[4].whole = -2;
  expect_refusal("a part of nothing");
  program_.buffers[4].whole = 0;
  expect_refusal("a part that can't be one");
  program_.buffers[4].whole = 2;
  program_.buffers[4].first = -1;
  expect_refusal("outside of its whole");
}

TEST_F(Programs, HavePartsThatAreAllOfTheirWholeWhereShapesAreKnown) {
  const std::vector<std::vector<int64_t>> shapes{{1, 3, 4, 4}};
  EXPECT_TRUE(Session::create(net_.graph(), program_, shapes).ok());
  for (const int64_t first : {0, 2, 4}) {
    program_.buffers[4].first = first;
    ASSERT_EQ(refusal(), "");
    const auto session = Session::create(net_.graph(), program_, shapes);
    ASSERT_FALSE(session.ok()) << first;
    EXPECT_NE(session.error().message.find("parts of a value overlap, or leave channels out"), std::string::npos);
  }
}

TEST(PixelPrograms, AreForImagesOfTheirOwnSize) {
  test::Network net(1);
  const graph::ValueId x = net.input("x", {1, 3, 4, 4});
  const graph::ValueId y = net.node("MaxPool", {x}, {{"kernel_shape", std::vector<int64_t>{2, 2}}});
  net.output(y);
  const Format plain = Format::of(Format::Kind::plain);
  const StripGrid of_x{4, 4, 4, 4, 1, 1}, of_y{3, 3, 4, 4, 1, 1};
  Program program;
  program.buffers = {{x, plain}, {x, Format::of(of_x)}, {y, Format::of(of_y)}, {y, plain}};
  program.works = {{Work::Kind::convert, 0, Work::kNone, {0}, {1}},
                   {Work::Kind::pixels, 0, Work::kNone, {1}, {2}},
                   {Work::Kind::convert, 0, Work::kNone, {2}, {3}}};
  const std::vector<std::vector<int64_t>> shapes{{1, 3, 4, 4}};
  ASSERT_TRUE(check(net.graph(), program).ok());
  EXPECT_TRUE(Session::create(net.graph(), program, shapes).ok());
  // An input that doesn't lie on a grid, then an output on another image's.
  program.works[1].inputs = {0};
  const auto plain_input = Session::create(net.graph(), program, shapes);
  ASSERT_FALSE(plain_input.ok());
  EXPECT_NE(plain_input.error().message.find("can't run by pixels"), std::string::npos);
  program.works[1].inputs = {1};
  program.buffers[2].format = Format::of(of_x);
  EXPECT_FALSE(Session::create(net.graph(), program, shapes).ok());
}

}  // namespace
}  // namespace sparsmith::model
