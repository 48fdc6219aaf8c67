#include <gmock/gmock.h>

#include "runtime/target.h"

namespace sparsmith {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string canonical(std::string_view text) {
  const auto target = Target::parse(text);
  return target.ok() ? target->to_string() : "refused: " + target.error().message;
}

TEST(Target, LevelsHoldWhatThePsabiSays) {
  const Target v3 = Target::parse("x86-64-v3").value(), v4 = Target::parse("x86-64-v4").value();
  EXPECT_EQ(v3.isa(), Isa::avx2);
  EXPECT_EQ(v4.isa(), Isa::avx512);
  const std::vector<std::string> v3_features = {"avx",    "avx2",   "bmi",   "bmi2",   "cx16", "f16c",
                                                "fma",    "lzcnt",  "movbe", "popcnt", "sahf", "sse3",
                                                "sse4.1", "sse4.2", "ssse3", "xsave"};
  EXPECT_EQ(v3.features(), v3_features);
  for (const std::string& feature : v3_features) EXPECT_THAT(v4.features(), Contains(feature));
  for (const char* feature : {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}) {
    EXPECT_THAT(v4.features(), Contains(feature));
    EXPECT_THAT(v3.features(), Not(Contains(feature)));
  }
  EXPECT_EQ(v4.features().size(), v3_features.size() + 5);
}

TEST(Target, PrintsCanonically) {
  EXPECT_EQ(canonical("x86-64-v3"), "x86-64-v3");
  EXPECT_EQ(canonical("x86-64-v4,+avx512vnni"), "x86-64-v4,+avx512vnni");
  EXPECT_EQ(canonical("x86-64-v4,+avx512vnni,+avx512bf16"), "x86-64-v4,+avx512bf16,+avx512vnni");
  EXPECT_EQ(canonical("x86-64-v4,+avx512f"), "x86-64-v4");
  EXPECT_EQ(canonical("x86-64-v4,+avx512vnni,-avx512vnni"), "x86-64-v4");
  EXPECT_EQ(canonical("x86-64-v3,+avxvnni,-movbe"), "x86-64-v3,-movbe,+avxvnni");
  EXPECT_EQ(canonical("x86-64-v3,+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl"), "x86-64-v4");
}

TEST(Target, ParsesWhatItPrints) {
  for (const char* text : {"host", "x86-64-v3", "x86-64-v4", "x86-64-v4,+avx512fp16", "x86-64-v4,-avx512cd",
                           "x86-64-v4,-avx512f", "x86-64-v3,-bmi,-popcnt,+avx512vbmi", "x86-64-v4,-avx512bw"}) {
    const auto target = Target::parse(text);
    ASSERT_TRUE(target.ok()) << text << ": " << target.error().message;
    EXPECT_EQ(Target::parse(target->to_string()).value(), *target) << text;
    EXPECT_EQ(canonical(target->to_string()), target->to_string()) << text;
  }
}

TEST(Target, FeaturesAloneChangeTheHost) {
  if (!Target::host().ok()) GTEST_SKIP() << "this CPU has neither AVX-512 nor AVX2";
  EXPECT_EQ(canonical("+avx512vnni"), canonical("host,+avx512vnni"));
  EXPECT_EQ(canonical("-avx512f"), canonical("host,-avx512f"));
  EXPECT_EQ(canonical("+avxvnni,-movbe"), canonical("host,+avxvnni,-movbe"));
  EXPECT_THAT(canonical("+avx999"), HasSubstr("unknown CPU feature 'avx999'"));
  EXPECT_THAT(canonical("+"), HasSubstr("found '+'"));
}

TEST(Target, AdditionsBringWhatTheyBuildOn) {
  const Target target = Target::parse("x86-64-v3,+avx512vbmi").value();
  for (const char* feature : {"avx512f", "avx512bw", "avx512vbmi"}) EXPECT_THAT(target.features(), Contains(feature));
  EXPECT_EQ(target.isa(), Isa::avx2) << "VL and DQ are still missing";
}

TEST(Target, RemovalsTakeWhatBuildsOnThem) {
  const Target target = Target::parse("x86-64-v4,+avx512bf16,+avx512vnni,-avx512bw").value();
  EXPECT_THAT(target.features(), Not(Contains("avx512bf16")));
  EXPECT_THAT(target.features(), Contains("avx512vnni"));
  EXPECT_EQ(target.isa(), Isa::avx2);
  EXPECT_EQ(canonical("x86-64-v4,+avx512vnni,-avx512f"), "x86-64-v3");
  EXPECT_EQ(Target::parse("x86-64-v4,-avx512cd").value().isa(), Isa::avx512) << "kernels don't use CD";
}

TEST(Target, RefusesWhatNoKernelRunsOn) {
  for (const char* text : {"x86-64-v3,-fma", "x86-64-v3,-avx2", "x86-64-v4,-avx", "x86-64-v4,-sse3"}) {
    const auto target = Target::parse(text);
    ASSERT_FALSE(target.ok()) << text;
    EXPECT_EQ(target.error().kind, ErrorKind::bad_input);
    EXPECT_THAT(target.error().message, HasSubstr(std::string("target '") + text + "' leaves out AVX2 or FMA"));
  }
}

TEST(Target, NamesTheUnknownPart) {
  EXPECT_THAT(canonical("x86-64-v9"), HasSubstr("unknown target 'x86-64-v9'"));
  EXPECT_THAT(canonical(""), HasSubstr("unknown target ''"));
  EXPECT_THAT(canonical("HOST"), HasSubstr("unknown target 'HOST'"));
  EXPECT_THAT(canonical("x86-64-v3,+avx999"), HasSubstr("unknown CPU feature 'avx999'"));
  EXPECT_THAT(Target::parse("x86-64-v3,+avx999").error().hint, HasSubstr("avx512vnni"));
  EXPECT_THAT(canonical("x86-64-v3,avxvnni"), HasSubstr("expected +feature or -feature, found 'avxvnni'"));
  EXPECT_THAT(canonical("x86-64-v3,,+avxvnni"), HasSubstr("found ''"));
  EXPECT_THAT(canonical("x86-64-v3,+"), HasSubstr("found '+'"));
  EXPECT_THAT(canonical("x86-64-v3,"), HasSubstr("after the last comma"));
  EXPECT_THAT(canonical("x86-64-v3, +avxvnni"), HasSubstr("found ' +avxvnni'"));
  EXPECT_THAT(canonical("evil\x1b[2J"), HasSubstr("unknown target 'evil?[2J'"));
  EXPECT_LT(canonical(std::string(100'000, 'x')).size(), 300u);
}

TEST(Target, SaysThatGpusAreNotThereYet) {
  const auto target = Target::parse("nvptx-sm_80");
  ASSERT_FALSE(target.ok());
  EXPECT_EQ(target.error().kind, ErrorKind::unsuitable);
  EXPECT_THAT(target.error().message, HasSubstr("'nvptx-sm_80' asks for a GPU, and GPU targets are not available"));
}

TEST(TargetForCpu, TakesTheBestLevelAndItsExtras) {
  EXPECT_EQ(target_text_for(x86_64_v3()).value(), "x86-64-v3");
  EXPECT_EQ(target_text_for(x86_64_v4()).value(), "x86-64-v4");
  EXPECT_EQ(target_text_for(x86_64_v4() | features_of({"avx512vnni", "avxvnni"})).value(),
            "x86-64-v4,+avx512vnni,+avxvnni");
  EXPECT_EQ(target_text_for(x86_64_v3() | features_of({"avxvnni"})).value(), "x86-64-v3,+avxvnni");
}

TEST(TargetForCpu, LeavesHalfAnAvx512Alone) {
  EXPECT_EQ(target_text_for(x86_64_v3() | features_of({"avx512f", "avx512cd"})).value(),
            "x86-64-v3");  // Knights Landing
}

TEST(TargetForCpu, TakesOlderCpusWithAvx2) {
  EXPECT_EQ(target_text_for(features_of({"avx2", "fma"})).value(),
            "x86-64-v3,-bmi,-bmi2,-cx16,-f16c,-lzcnt,-movbe,-popcnt,-sahf,-xsave");
}

TEST(TargetForCpu, RefusesACpuWithNeither) {
  for (const CpuFeatures& cpu :
       {CpuFeatures(), features_of({"avx", "f16c"}), features_of({"avx2"}), features_of({"fma"})}) {
    const auto text = target_text_for(cpu);
    ASSERT_FALSE(text.ok());
    EXPECT_EQ(text.error().kind, ErrorKind::unsuitable);
    EXPECT_THAT(text.error().message, HasSubstr("this CPU has neither AVX-512 nor AVX2 with FMA"));
    EXPECT_THAT(text.error().hint, HasSubstr("x86-64-v3"));
  }
}

TEST(FirstMissing, NamesTheMostImportantOne) {
  const auto v4 = Target::parse("x86-64-v4,+avx512vnni").value().features();
  EXPECT_EQ(first_missing(v4, x86_64_v3()), "avx512f");
  EXPECT_EQ(first_missing(v4, x86_64_v4()), "avx512vnni");
  EXPECT_EQ(first_missing(v4, x86_64_v4() | features_of({"avx512vnni"})), "");
  EXPECT_EQ(first_missing(v4, {}), "sse3");
  EXPECT_EQ(first_missing({"avx", "quantum"}, x86_64_v4()), "quantum");
}

TEST(Host, AgreesWithTheCompiler) {
  const auto has = [](std::string_view name) { return host_features()[find_feature(name).value()]; };
  EXPECT_EQ(has("sse4.2"), __builtin_cpu_supports("sse4.2") != 0);
  EXPECT_EQ(has("avx"), __builtin_cpu_supports("avx") != 0);
  EXPECT_EQ(has("avx2"), __builtin_cpu_supports("avx2") != 0);
  EXPECT_EQ(has("fma"), __builtin_cpu_supports("fma") != 0);
  EXPECT_EQ(has("avx512f"), __builtin_cpu_supports("avx512f") != 0);
  EXPECT_EQ(has("avx512vl"), __builtin_cpu_supports("avx512vl") != 0);
  EXPECT_EQ(has("avx512bf16"), __builtin_cpu_supports("avx512bf16") != 0);
  EXPECT_EQ(has("avx512vnni"), __builtin_cpu_supports("avx512vnni") != 0);
  const auto host = Target::host();
  if (has("avx2") && has("fma")) {
    ASSERT_TRUE(host.ok());
    EXPECT_THAT(host->missing_on_host(), IsEmpty());
  } else {
    EXPECT_FALSE(host.ok());
  }
}

TEST(FeatureTable, ClosesSetsBothWays) {
  for (size_t i = 0; i < feature_count(); ++i) {
    const CpuFeatures with = with_feature({}, i);
    CpuFeatures all;
    for (size_t j = 0; j < feature_count(); ++j) all = with_feature(all, j);
    // Whatever a feature needs, taking that away takes the feature away.
    for (size_t j = 0; j < feature_count(); ++j) EXPECT_EQ(!without_feature(all, j)[i], with[j]) << feature_name(i);
  }
}

}  // namespace
}  // namespace sparsmith
