#include <gmock/gmock.h>

#include <cstring>

#include "artifact/compact_stream.h"
#include "artifact/image_format.h"
#include "artifact/serialize.h"
#include "tests/artifact/sample_image.h"

namespace sparsmith {
namespace {

using testing::HasSubstr;

std::string words_of(const Result<KernelImage>& result) { return result.ok() ? "accepted" : result.error().message; }

TEST(Damage, EveryFlippedBitIsFound) {
  const std::string bytes = serialize(sample_image());
  for (size_t i = 0; i < bytes.size(); ++i)
    for (const int mask : {1, 0x80, 0xff}) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(flipped[i] ^ mask);
      ASSERT_FALSE(deserialize(flipped, "flipped").ok()) << "byte " << i;
    }
}

TEST(Damage, EveryFlippedBitOfTheHeaderIsFoundByPeeking) {
  const std::string bytes = serialize(sample_image());
  uint32_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data() + image_format::kHeaderBytesAt, sizeof header_bytes);
  for (size_t i = 0; i < header_bytes; ++i) {
    std::string flipped = bytes.substr(0, header_bytes);
    flipped[i] = static_cast<char>(flipped[i] ^ 0x10);
    ASSERT_FALSE(peek_header(flipped, "flipped").ok()) << "byte " << i;
  }
}

TEST(Damage, EveryTruncationIsFound) {
  const std::string bytes = serialize(sample_image());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string_view part = std::string_view(bytes).substr(0, size);
    ASSERT_FALSE(deserialize(part, "cut").ok()) << size;
    ASSERT_FALSE(parse_body(part, "cut").ok()) << size;
  }
  EXPECT_THAT(words_of(deserialize(bytes + '\0', "longer")), HasSubstr("longer is damaged: 1 bytes follow its end"));
}

// Without the checksum a changed byte may go unnoticed, but whatever is accepted must be consistent enough to be
// written and read again.
TEST(Damage, TheBodyIsSafeWithoutItsChecksum) {
  const std::string bytes = serialize(sample_image());
  int accepted = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    for (int value = 0; value < 256; ++value) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(value);
      const auto image = parse_body(changed, "changed");
      if (!image.ok()) continue;
      ++accepted;
      if (value % 16 == 0) {
        const auto again = deserialize(serialize(*image), "again");
        ASSERT_TRUE(again.ok()) << again.error().message;
      }
    }
  EXPECT_GT(accepted, 1000);
}

TEST(Damage, OtherFormatsAreNamed) {
  std::string bytes = serialize(sample_image());
  const auto with_format = [&bytes](uint32_t format) {
    std::memcpy(bytes.data() + image_format::kFormatAt, &format, sizeof format);
    return words_of(deserialize(bytes, "k.smk"));
  };
  const std::string reads = ", this one reads " + std::to_string(kImageFormat) + ")";
  EXPECT_EQ(with_format(kImageFormat + 1),
            "k.smk was made by a newer Sparsmith (format " + std::to_string(kImageFormat + 1) + reads);
  EXPECT_EQ(with_format(0), "k.smk was made by an older Sparsmith (format 0" + reads);
}

TEST(Damage, OtherFilesAreNotArtifacts) {
  for (const std::string text : {"\x93NUMPY", "hello",
                                 "\x7f"
                                 "ELF",
                                 "\x8bSMK\n\x1a\n........"})
    EXPECT_THAT(words_of(deserialize(text, "w.npy")), HasSubstr("w.npy is not a Sparsmith artifact")) << text;
  EXPECT_THAT(words_of(deserialize("", "empty")), HasSubstr("empty is damaged: it ends after 0 bytes"));
}

// An artifact that lies with a right checksum: made by changing the image, not the bytes.
std::string words_after(const std::function<void(KernelImage&)>& change) {
  KernelImage image = sample_image();
  change(image);
  return words_of(deserialize(serialize(image), "liar"));
}

TEST(Damage, SegmentsMustLieInsideTheirSections) {
  EXPECT_THAT(words_after([](auto& i) { i.segments[1].main_offset = 48; }),
              HasSubstr("segment 1 starts outside the code"));
  EXPECT_THAT(words_after([](auto& i) { i.segments[0].single_offset = UINT32_MAX; }), HasSubstr("outside the code"));
  EXPECT_THAT(words_after([](auto& i) { i.segments[1].value_offset = 9; }), HasSubstr("outside the packed values"));
  EXPECT_THAT(words_after([](auto& i) { i.segments[0].rows = 0; }), HasSubstr("impossible tile"));
  EXPECT_THAT(words_after([](auto& i) { i.segments[0].rows = 4; }), HasSubstr("impossible tile"));
  EXPECT_THAT(words_after([](auto& i) { i.segments[0].first_row = 3; }), HasSubstr("impossible tile"));
  EXPECT_THAT(words_after([](auto& i) { i.segments[1].tile = 3; }), HasSubstr("impossible tile"));
  EXPECT_THAT(words_after([](auto& i) { i.segments[1].k_block = 5; }), HasSubstr("impossible tile"));
  EXPECT_THAT(words_after([](auto& i) { i.segments[1].tile = 0; }), HasSubstr("segment 1 is out of order"));
  EXPECT_THAT(words_after([](auto& i) { std::swap(i.segments[0], i.segments[1]); }), HasSubstr("out of order"));
  EXPECT_THAT(
      words_after([](auto& i) { i.plan.chosen.tile_group = i.plan.chosen.inner_panels = i.segments[1].k_block = 1; }),
      HasSubstr("segment 1 is not the one its place"));
  EXPECT_THAT(words_after([](auto& i) { i.segments.clear(); }), HasSubstr("no segments"));
}

TEST(Damage, VariantsMustBeInOrderAndInsideTheSections) {
  const auto impossible = HasSubstr("problem or plan holds an impossible entry");
  EXPECT_THAT(words_after([](auto& i) { i.variants[0].most_columns = 0; }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.variants.push_back(i.variants[0]); }), impossible) << "serves no call";
  EXPECT_THAT(words_after([](auto& i) { i.variants[0].schedule.window_step = 3; }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.variants[0].schedule.direct_x = true; }), impossible);
  const auto in_variant = [](auto change) {
    return words_after([=](KernelImage& i) { change(i.variants[0].segments); });
  };
  EXPECT_THAT(in_variant([](auto& s) { s.clear(); }), HasSubstr("in code for at most 3 columns it has no segments"));
  EXPECT_THAT(in_variant([](auto& s) { s[0].single_offset = 48; }),
              HasSubstr("in code for at most 3 columns segment 0 starts outside the code"));
  EXPECT_THAT(in_variant([](auto& s) { s.push_back(s[0]); }), HasSubstr("segment 1 is out of order"));
}

/// The sample in the compact form: two tiles, of two rows and one, that stream two values each.
KernelImage compact_image() {
  KernelImage image = sample_image();
  image.plan.chosen = {Form::compact, 2, 2, 0, 0, false, false, false};
  const auto append = [&image](const CompactHeader& header, const std::vector<uint16_t>& rows) {
    const size_t at = image.indices.size();
    image.indices.resize(at + sizeof header + (rows.size() * sizeof(uint16_t) + 7) / 8 * 8);
    std::memcpy(image.indices.data() + at, &header, sizeof header);
    std::memcpy(image.indices.data() + at + sizeof header, rows.data(), rows.size() * sizeof(uint16_t));
    return static_cast<uint32_t>(at);
  };
  image.segments[0].index_offset = append({2, 0, 0, 0}, {0, 2, 8, 32, 1, 0});
  image.segments[1].index_offset = append({1, 2, 1, 1}, {0, 3, 0, 8, 24});
  return image;
}

TEST(Damage, IndexStreamsStayInsideTheirArrays) {
  const auto words = [](const std::function<void(KernelImage&)>& change) {
    KernelImage image = compact_image();
    change(image);
    return words_of(deserialize(serialize(image), "liar"));
  };
  const auto with_number = [&](size_t at, uint16_t number) {
    return words([=](KernelImage& i) { std::memcpy(&i.indices[at], &number, sizeof number); });
  };
  EXPECT_EQ(words([](KernelImage&) {}), "accepted");
  EXPECT_THAT(words([](auto& i) { i.plan.chosen.form = Form::sparse; }), HasSubstr("index streams that no code reads"));
  EXPECT_THAT(words([](auto& i) { i.indices.clear(); }), HasSubstr("starts outside the index streams"));
  EXPECT_THAT(words([](auto& i) { i.segments[1].index_offset = 4; }), HasSubstr("starts outside the index streams"));
  EXPECT_THAT(words([](auto& i) { i.segments[1].index_offset = 0x7ffffff8; }), HasSubstr("segment 1 starts outside"));
  EXPECT_THAT(words([](auto& i) { i.indices.erase(i.indices.end() - 8, i.indices.end()); }),
              HasSubstr("past the index streams"));
  EXPECT_THAT(words([](auto& i) { i.plan.chosen.tile_group = i.plan.chosen.inner_panels = 1; }),
              HasSubstr("impossible entry"));
  constexpr size_t kRows = sizeof(CompactHeader);
  EXPECT_THAT(with_number(0, 0), HasSubstr("impossible header")) << "no rows";
  EXPECT_THAT(with_number(0, 3), HasSubstr("impossible header")) << "more rows than the tile has";
  EXPECT_THAT(with_number(8, 2), HasSubstr("impossible header")) << "row 2 + 1 of 3";
  EXPECT_THAT(with_number(16, 5), HasSubstr("impossible header")) << "row 5 of X";
  EXPECT_THAT(with_number(24, 65), HasSubstr("impossible header")) << "values behind a row";
  EXPECT_THAT(with_number(24, 4), HasSubstr("more packed values than there are"));
  EXPECT_THAT(with_number(kRows, 2), HasSubstr("row outside its tile"));
  EXPECT_THAT(with_number(kRows + 2, 65535), HasSubstr("past the index streams"));
  EXPECT_THAT(with_number(kRows + 4, 7), HasSubstr("row of X that isn't there")) << "between rows";
  EXPECT_EQ(with_number(kRows + 4, 8 * 4), "accepted");
  EXPECT_THAT(with_number(kRows + 4, 8 * 5), HasSubstr("row of X that isn't there"));
}

// The streams of a convolution name lines from a position's.
TEST(Damage, IndexStreamsOfConvolutionsStayInsideTheImage) {
  const auto with_number = [&](size_t at, uint16_t number) {
    KernelImage image = compact_image();
    // Five columns: a kernel of 5 x 1, whose taps lie a row of positions apart.
    Conv2d conv{.height = 6, .width = 32, .kernel_h = 5, .kernel_w = 1};
    image.variants.clear();  // which are of the vector form
    image.problem.conv = conv;
    image.problem.n = conv.out_height() * conv.out_width();
    image.problem.n_fixed = false;
    std::memcpy(&image.indices[at], &number, sizeof number);
    return words_of(deserialize(serialize(image), "liar"));
  };
  constexpr size_t kRows = sizeof(CompactHeader);
  // 64 outputs: 16 tiles of 2 x 2, so that the last tap begins at line 4 * 2.
  EXPECT_EQ(with_number(kRows + 4, 8 * 8), "accepted");
  EXPECT_THAT(with_number(kRows + 4, 8 * 9), HasSubstr("row of X that isn't there"));
  EXPECT_THAT(with_number(16, 9), HasSubstr("impossible header"));
}

TEST(Damage, PackedValuesMustHaveSources) {
  const auto with = [](ValueKind kind, uint32_t index) {
    return words_after([=](KernelImage& i) { i.value_sources[3] = ValueSource::make(kind, index); });
  };
  using enum ValueKind;
  const auto nowhere = HasSubstr("packed value 3 comes from nowhere");
  EXPECT_EQ(with(weight, 4), "accepted");
  EXPECT_THAT(with(weight, 5), nowhere);
  EXPECT_EQ(with(bias, 2), "accepted");
  EXPECT_THAT(with(bias, 3), nowhere);
  EXPECT_THAT(with(row_scale, 3), nowhere);
  EXPECT_THAT(with(prelu_slope, 0), nowhere) << "the epilogue asks for no slopes";
  EXPECT_EQ(with(literal, 3), "accepted");
  EXPECT_THAT(with(literal, 4), nowhere);
  EXPECT_THAT(with(static_cast<ValueKind>(10), 0), nowhere);
  EXPECT_THAT(with(static_cast<ValueKind>(15), 0), nowhere);
  EXPECT_THAT(words_after([](auto& i) { i.problem.epilogue.bias = false; }), HasSubstr("packed value 2 comes from"));
  EXPECT_THAT(words_after([](auto& i) { i.values.pop_back(); }), HasSubstr("packed values has an impossible size"));
}

TEST(Damage, ThePatternIsChecked) {
  EXPECT_THAT(words_after([](auto& i) { i.columns[1] = 5; }), HasSubstr("row 0: column index 5 is out of range"));
  EXPECT_THAT(words_after([](auto& i) { i.row_offsets[1] = 6; }), HasSubstr("goes backwards"));
  EXPECT_THAT(words_after([](auto& i) { i.row_offsets.pop_back(); }), HasSubstr("row offsets has an impossible size"));
  EXPECT_THAT(words_after([](auto& i) { i.m = 0; }), HasSubstr("impossible shape"));
  EXPECT_THAT(words_after([](auto& i) { i.k = kMaxDimension + 1; }), HasSubstr("impossible shape"));
  EXPECT_THAT(words_after([](auto& i) { i.m = 1'000'000; }), HasSubstr("row offsets has an impossible size"));
}

TEST(Damage, TheProblemAndThePlanAreChecked) {
  const auto impossible = HasSubstr("problem or plan holds an impossible entry");
  EXPECT_THAT(words_after([](auto& i) { i.problem.n = -1; }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.problem.n = 0; }), impossible) << "it is baked";
  EXPECT_THAT(words_after([](auto& i) { i.problem.x_layout = static_cast<Layout>(5); }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.problem.x_layout = Layout::plane; }), HasSubstr("a spatial convolution"));
  EXPECT_THAT(words_after([](auto& i) { i.plan.chosen.images = ImageLayout::planes; }), impossible) << "no images";
  EXPECT_THAT(words_after([](auto& i) { i.plan.chosen.images = static_cast<ImageLayout>(3); }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.variants[0].schedule.images = ImageLayout::rows; }), impossible);
  EXPECT_THAT(words_after([](auto& i) {
                i.problem.conv->pad_top = 1;  // spatial: what the launcher lays out must be what every variant reads
                i.variants[0].schedule = i.plan.chosen = Schedule{};
                i.variants[0].schedule.images = ImageLayout::planes;
                i.problem.x_layout = Layout::plain;
              }),
              impossible);
  EXPECT_THAT(words_after([](auto& i) { i.problem.epilogue.activation = static_cast<Activation>(12); }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.problem.epilogue.residual = static_cast<Residual>(3); }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.problem.epilogue.lo = 3; }), impossible) << "above hi";
  EXPECT_THAT(words_after([](auto& i) { i.problem.epilogue.hi = __builtin_nanf(""); }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.problem.conv->stride_h = 0; }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.problem.conv->height = 0; }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.problem.conv->kernel_w = int64_t{1} << 40; }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.problem.conv->pad_left = -1; }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.problem.conv->groups = i.m + 1; }), HasSubstr("convolution is impossible"));
  EXPECT_THAT(words_after([](auto& i) { i.plan.chosen.panels_per_pass = 0; }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.plan.chosen.k_block = -1; }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.plan.chosen.direct_x = true; }), impossible) << "X is in panels";
  EXPECT_THAT(words_after([](auto& i) { i.plan.candidates[1].schedule.form = static_cast<Form>(99); }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.plan.few[0].schedule.window_step = 12; }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.plan.few[0].schedule.panels_per_pass = 9; }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.plan.few[0].most_columns = 0; }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.plan.few.push_back(i.plan.few[0]); }), impossible) << "serves no call";
  EXPECT_THAT(words_after([](auto& i) { i.plan.tail_columns = 16; }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.plan.chosen.lanes = 12; }), impossible);
  EXPECT_THAT(words_after([](auto& i) { i.variants[0].schedule.lanes = 4; }), impossible) << "no vector form";
  EXPECT_THAT(words_after([](auto& i) { i.plan.reason = "\x1b[2J"; }), impossible) << "would clear a terminal";
}

TEST(Damage, NamesMustBePrintable) {
  EXPECT_THAT(words_after([](auto& i) { i.symbol = "a b"; }), HasSubstr("characters that no name has"));
  EXPECT_THAT(words_after([](auto& i) { i.target = "x86-64-v3\n"; }), HasSubstr("characters that no name has"));
}

TEST(Damage, CodeMustBeThere) {
  EXPECT_THAT(words_after([](auto& i) { i.code.clear(); }), HasSubstr("code has an impossible size"));
}

// Sizes that lie must be refused before memory is taken for them.
TEST(Damage, SizesThatLieAreRefused) {
  const std::string bytes = serialize(sample_image());
  const size_t sizes_at = image_format::kCheckedAt + 16 + 3 * 8;
  for (const uint64_t lie : {uint64_t{1} << 32, uint64_t{1} << 62, UINT64_MAX, UINT64_MAX - 6}) {
    for (size_t at = sizes_at; at < sizes_at + 8 * image_format::kSectionCount; at += 8) {
      std::string changed = bytes;
      std::memcpy(changed.data() + at, &lie, sizeof lie);
      EXPECT_FALSE(parse_body(changed, "liar").ok()) << lie;
    }
    std::string changed = bytes;
    std::memcpy(changed.data() + image_format::kFileBytesAt, &lie, sizeof lie);
    EXPECT_FALSE(parse_body(changed, "liar").ok()) << lie;
  }
}

}  // namespace
}  // namespace sparsmith
