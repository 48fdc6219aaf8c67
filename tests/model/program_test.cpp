// Programs that would read what isn't written, or write what isn't theirs, are refused.
#include "model/program.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace sparsmith::model
