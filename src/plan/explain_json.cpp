#include <nlohmann/json.hpp>

#include "sparsmith/plan.h"

namespace sparsmith {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Schedule& schedule) {
  return {{"form", to_string(schedule.form)},
          {"tile_rows", schedule.tile_rows},
          {"panels_per_pass", schedule.panels_per_pass},
          {"k_block", schedule.k_block},
          {"n_block", schedule.n_block},
          {"cluster_rows", schedule.cluster_rows},
          {"prefetch_y", schedule.prefetch_y},
          {"direct_x", schedule.direct_x},
          {"tile_group", schedule.tile_group},
          {"inner_panels", schedule.inner_panels},
          {"window_step", schedule.window_step},
          {"prefetch_code", schedule.prefetch_code},
          {"lanes", schedule.lanes},
          {"images", to_string(schedule.images)},
          {"text", schedule.describe()}};
}

Json to_json(const Candidate& candidate, bool chosen) {
  Json json{{"schedule", to_json(candidate.schedule)}, {"chosen", chosen}, {"predicted_ns", candidate.predicted_ns}};
  // Null, not 0, where nothing was measured: a script that takes the least time must not find it there.
  json["measured_ns"] = candidate.measured_ns > 0 ? Json(candidate.measured_ns) : Json(nullptr);
  json["code_bytes"] = candidate.code_bytes;
  json["note"] = candidate.note;
  return json;
}

}  // namespace

std::string explain_json(const Plan& plan, int indent) {
  Json candidates = Json::array();
  for (const Candidate& candidate : plan.candidates)
    candidates.push_back(to_json(candidate, candidate.schedule == plan.chosen));
  Json few = Json::array();
  for (const FewColumns& own : plan.few) {
    few.push_back({{"most_columns", own.most_columns}, {"schedule", to_json(own.schedule)}});
  }
  const Json json{{"m", plan.m},
                  {"k", plan.k},
                  {"nnz", plan.nnz},
                  {"n", plan.n},
                  {"target", plan.target},
                  {"chosen", to_json(plan.chosen)},
                  {"few", std::move(few)},
                  {"tail_columns", plan.tail_columns},
                  {"tuned", plan.tuned},
                  {"reason", plan.reason},
                  {"candidates", std::move(candidates)}};
  // A plan may come from an artifact, whose strings need not be UTF-8; `replace` keeps dump from throwing.
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace sparsmith
