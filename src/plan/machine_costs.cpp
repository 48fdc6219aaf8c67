#include "plan/machine_costs.h"

#include <algorithm>

namespace sparsmith {
namespace {

constexpr NamedCost kCosts[] = {
    {"call", &MachineModel::call},
    {"code_byte", &MachineModel::code_byte},
    {"code_byte_far", &MachineModel::code_byte_far},
    {"code_byte_memory", &MachineModel::code_byte_memory},
    {"code_prefetch", &MachineModel::code_prefetch},
    {"compact_fma", &MachineModel::compact_fma},
    {"compact_row", &MachineModel::compact_row},
    {"compact_row_vector", &MachineModel::compact_row_vector},
    {"compact_step", &MachineModel::compact_step},
    {"compact_x_l2", &MachineModel::compact_x_l2},
    {"copy", &MachineModel::copy},
    {"data_byte_memory", &MachineModel::data_byte_memory},
    {"dense_fma", &MachineModel::dense_fma},
    {"dense_load", &MachineModel::dense_load},
    {"fma", &MachineModel::fma},
    {"fma_narrow", &MachineModel::fma_narrow},
    {"lane_row", &MachineModel::lane_row},
    {"pack", &MachineModel::pack},
    {"pack_strips", &MachineModel::pack_strips},
    {"prefetch", &MachineModel::prefetch},
    {"reload", &MachineModel::reload},
    {"row", &MachineModel::row},
    {"slot", &MachineModel::slot},
    {"slot_byte_far", &MachineModel::slot_byte_far},
    {"slot_more", &MachineModel::slot_more},
    {"strided_x", &MachineModel::strided_x},
    {"tap_crossing", &MachineModel::tap_crossing},
    {"window", &MachineModel::window},
    {"x_crossing", &MachineModel::x_crossing},
    {"x_far", &MachineModel::x_far},
    {"x_l1", &MachineModel::x_l1},
    {"x_l2", &MachineModel::x_l2},
    {"x_plain", &MachineModel::x_plain},
    {"x_stream", &MachineModel::x_stream},
    {"y_ordered", &MachineModel::y_ordered},
    {"y_scattered", &MachineModel::y_scattered},
    {"y_scattered_wide", &MachineModel::y_scattered_wide},
};

}  // namespace

std::span<const NamedCost> named_costs() { return kCosts; }

void apply_costs(const MachineCosts& costs, Isa isa, MachineModel& model) {
  if (costs.isa != isa) return;
  const auto find = [&](const char* name) {
    return std::find_if(costs.ns.begin(), costs.ns.end(), [&](const auto& cost) { return cost.first == name; });
  };
  const auto fma = find("fma");
  const double scale = fma != costs.ns.end() && fma->second > 0 ? fma->second / model.fma : 1;
  for (const NamedCost& cost : kCosts) {
    const auto measured = find(cost.name);
    model.*cost.cost = measured != costs.ns.end() ? measured->second : model.*cost.cost * scale;
  }
}

std::vector<double> cost_terms(const Schedule& schedule, const Problem& problem, const Work& work,
                               const MachineModel& machine) {
  std::vector<double> terms;
  for (const NamedCost& one : kCosts) {
    MachineModel alone = machine;
    for (const NamedCost& other : kCosts) alone.*other.cost = 0;
    alone.*one.cost = 1;
    terms.push_back(predict_ns(schedule, problem, work, alone));
  }
  return terms;
}

}  // namespace sparsmith
