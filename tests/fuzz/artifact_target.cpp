#include "artifact/serialize.h"
#include "target.h"
#include "tests/artifact/sample_image.h"

namespace sparsmith::fuzz {
namespace {

/// Whatever is accepted must come out the same when it is written and read again.
void check_image(const Result<KernelImage>& result) {
  if (!result.ok()) return check_error(result.error(), "fuzz.smk");
  const std::string again = serialize(*result);
  const auto reread = deserialize(again, "fuzz.smk");
  require(reread.ok(), "an accepted image can't be read back");
  require(serialize(*reread) == again, "an accepted image changes when it is written again");
}

}  // namespace

void run(std::string_view input) {
  check_image(deserialize(input, "fuzz.smk"));
  check_image(
      parse_body(input, "fuzz.smk"));  // mutations seldom keep the checksum; behind it the rest must hold up too
  const auto header = peek_header(input.substr(0, static_cast<size_t>(kMaxHeaderBytes)), "fuzz.smk");
  if (!header.ok()) check_error(header.error(), "fuzz.smk");
}

std::vector<std::string> seeds() {
  KernelImage image = sample_image();
  std::vector<std::string> all = {serialize(image)};
  image.problem = {};
  image.value_sources = {ValueSource::make(ValueKind::weight, 1)};
  image.segments = {{0, 16, 0, 0, 0, 2}};
  image.values.clear();
  all.push_back(serialize(image, {1, 2}));  // as caches keep it: a key, no values
  image.row_offsets = {0, 0, 0, 0};
  image.columns.clear();
  image.value_sources.clear();
  image.plan.candidates.clear();
  all.push_back(serialize(image));
  return all;
}

}  // namespace sparsmith::fuzz
