#include "compiler/build_image.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <span>

#include "codegen/code_generator.h"
#include "compiler/build_compact.h"
#include "kernels/dense.h"
#include "kernels/depthwise.h"
#include "kernels/spmm.h"
#include "kernels/spmv.h"
#include "pattern/row_order.h"
#include "plan/layer_matrix.h"
#include "plan/tiling.h"

namespace sparsmith {
namespace {

std::string symbol_of(const std::string& name, const Pattern& pattern, const Schedule& schedule) {
  std::string clean;
  for (const char c : name) clean += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  char shape[96];
  std::snprintf(shape, sizeof shape, "_%lldx%lld_d%.3f_%s", static_cast<long long>(pattern.rows()),
                static_cast<long long>(pattern.cols()), pattern.density(), to_string(schedule.form));
  return "sparsmith_" + clean + shape;
}

/// Emits the segments of one k-block after another, so that all tiles of a block find its rows of X in cache.
class ImageBuilder {
 public:
  ImageBuilder(const LayerMatrix& matrix, const Problem& problem, const Schedule& schedule, CodeGenerator& generator,
               const RegisterFile& registers, KernelImage& image, std::vector<Segment>& segments)
      : schedule_(schedule),
        generator_(generator),
        image_(image),
        segments_(segments),
        depth_(matrix.pattern().cols()),
        tiling_(make_tiling(matrix.pattern(), schedule.tile_rows, schedule.cluster_rows)),
        sparse_(matrix, problem, schedule.panels_per_pass, schedule),
        sparse_single_(matrix, problem, 1, schedule),
        dense_(matrix, problem, registers, schedule),
        depthwise_(matrix, problem, registers) {}

  Status build() {
    const int64_t k_step = schedule_.k_block > 0 ? std::min(schedule_.k_block, depth_) : depth_;
    for (int64_t k = 0; k < depth_; k += k_step) {
      for (size_t t = 0; t < tiling_.tiles.size(); ++t) {
        const std::vector<int32_t>& rows = tiling_.tiles[t];
        TileBlock block{rows, k, std::min(k + k_step, depth_), k == 0, k + k_step >= depth_};
        if (can_share(block)) block.first_row = rows.front();
        if (Status added = add_segment(block, static_cast<uint32_t>(t), static_cast<uint32_t>(k / k_step)); !added) {
          return added;
        }
      }
    }
    return success();
  }

 private:
  Status add_segment(const TileBlock& block, uint32_t tile, uint32_t k_block) {
    std::vector<ValueSource>& values = image_.value_sources;
    Segment segment;
    segment.value_offset = static_cast<uint32_t>(values.size());
    segment.tile = tile;
    segment.k_block = k_block;
    segment.rows = static_cast<uint32_t>(block.rows.size());
    segment.first_row = static_cast<uint32_t>(block.first_row);
    write(block, schedule_.panels_per_pass, &values);
    if (values.size() > UINT32_MAX / 2) return unsuitable("more than 2^31 packed values for one matrix");
    const auto same =
        std::ranges::find_if(shared_, [&](const Segment& s) { return s.k_block == k_block && s.rows == segment.rows; });
    if (can_share(block) && same != shared_.end()) {
      segment.main_offset = same->main_offset;
      segment.single_offset = same->single_offset;
    } else if (Status added = add_code(block, segment); !added) {
      return added;
    }
    segments_.push_back(segment);
    return success();
  }

  /// The Program written last, and its variant for single panels.
  Status add_code(const TileBlock& block, Segment& segment) {
    auto main = generator_.add(program_);
    if (!main) return main.error();
    segment.main_offset = segment.single_offset = *main;
    if (schedule_.panels_per_pass > 1) {
      write(block, 1, nullptr);
      auto single = generator_.add(program_);
      if (!single) return single.error();
      segment.single_offset = *single;
    }
    if (can_share(block)) shared_.push_back(segment);
    return success();
  }

  bool can_share(const TileBlock& block) const {
    const auto& rows = block.rows;
    return schedule_.form == Form::dense && std::ranges::is_sorted(rows) &&
           rows.back() - rows.front() + 1 == static_cast<int64_t>(rows.size());
  }

  /// A segment's Program. Its variants stream the same values in the same order: `values` is null for the second.
  void write(const TileBlock& block, int panels, std::vector<ValueSource>* values) {
    std::vector<ValueSource> same;
    switch (schedule_.form) {
      case Form::dense:
        return dense_.write(block, panels, program_, values);
      case Form::depthwise:
        return depthwise_.write(block, panels, program_, values != nullptr ? *values : same);
      case Form::sparse:
        return (values != nullptr ? sparse_ : sparse_single_)
            .write(block, program_, values != nullptr ? *values : same);
      case Form::vector:
      case Form::compact:
        return;  // have slices and streams: build_slices, build_compact
    }
  }

  const Schedule& schedule_;
  CodeGenerator& generator_;
  KernelImage& image_;
  std::vector<Segment>& segments_;
  int64_t depth_;
  Tiling tiling_;
  SpmmWriter sparse_, sparse_single_;
  DenseWriter dense_;
  DepthwiseWriter depthwise_;
  Program program_;
  std::vector<Segment> shared_;  ///< dense tiles whose code others of as many rows take too, two a k-block at most
};

/// Emits the slices of the vector form, so many of them a segment.
Status build_slices(const Pattern& pattern, const Problem& problem, const Schedule& schedule, CodeGenerator& generator,
                    KernelImage& image, std::vector<Segment>& segments) {
  const std::vector<int32_t> order = rows_by_count(pattern.row_offsets());
  const int64_t lanes = schedule.lanes, slices = (pattern.rows() + lanes - 1) / lanes,
                step = schedule.tile_rows / lanes;
  SpmvWriter writer(pattern, problem, schedule);
  Program program;
  std::vector<ValueSource>& values = image.value_sources;
  for (int64_t slice = 0; slice < slices; slice += step) {
    // Segments begin on lines, whatever came before the first of them.
    values.resize((values.size() + kSliceRows - 1) / kSliceRows * kSliceRows, ValueSource::make(ValueKind::zero, 0));
    Segment segment;
    segment.value_offset = static_cast<uint32_t>(values.size());
    segment.tile = static_cast<uint32_t>(slice / step);
    const int64_t end = std::min(slice + step, slices);
    segment.rows = static_cast<uint32_t>(std::min(end * lanes, pattern.rows()) - slice * lanes);
    writer.pack({order, slice, end}, values);
    if (values.size() > UINT32_MAX / 2) return unsuitable("more than 2^31 packed values for one matrix");
    writer.write(schedule.panels_per_pass, program);
    auto main = generator.add(program);
    if (!main) return main.error();
    segment.main_offset = segment.single_offset = *main;
    if (schedule.panels_per_pass > 1) {
      writer.write(1, program);
      auto single = generator.add(program);
      if (!single) return single.error();
      segment.single_offset = *single;
    }
    segments.push_back(segment);
  }
  return success();
}

Status build_segments(const Pattern& pattern, const Problem& problem, const Schedule& schedule, const Target& target,
                      CodeGenerator& generator, KernelImage& image, std::vector<Segment>& segments) {
  if (schedule.form == Form::vector) return build_slices(pattern, problem, schedule, generator, image, segments);
  const RegisterFile registers = register_file(target.isa(), schedule.lanes);
  auto matrix = LayerMatrix::create(pattern, problem, schedule);
  if (!matrix) return matrix.error();
  if (schedule.form == Form::compact)
    return build_compact(*matrix, problem, schedule, registers, generator, image, segments);
  return ImageBuilder(*matrix, problem, schedule, generator, registers, image, segments).build();
}

}  // namespace

Result<KernelImage> build_image(const Pattern& pattern, const Problem& problem, const Plan& plan, const Target& target,
                                const std::string& name) {
  auto generator = CodeGenerator::create(target);
  if (!generator) return generator.error();
  KernelImage image;
  image.symbol = symbol_of(name, pattern, plan.chosen);
  image.target = target.to_string();
  image.m = pattern.rows();
  image.k = pattern.cols();
  image.problem = problem;
  image.plan = plan;
  image.row_offsets.assign(pattern.row_offsets().begin(), pattern.row_offsets().end());
  image.columns.assign(pattern.columns().begin(), pattern.columns().end());
  image.value_sources.reserve(static_cast<size_t>(pattern.nnz() + 4 * pattern.rows()));
  if (Status built = build_segments(pattern, problem, plan.chosen, target, **generator, image, image.segments);
      !built) {
    return built.error();
  }
  for (const FewColumns& few : plan.few) {
    Variant& variant = image.variants.emplace_back();
    variant.most_columns = few.most_columns;
    variant.schedule = few.schedule;
    if (Status built = build_segments(pattern, problem, few.schedule, target, **generator, image, variant.segments);
        !built) {
      return built.error();
    }
  }
  image.code = (*generator)->take();
  return image;
}

}  // namespace sparsmith
