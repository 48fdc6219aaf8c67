/// \file
/// Finds and opens the peer modules of this machine.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/peers/peer.h"

namespace sparsmith::bench {

/// A peer by name: opened, or absent and why. Copies share the module, which stays open for the process's life (BLAS
/// libraries don't survive dlclose).
struct Peer {
  std::string name;
  const SparsmithPeer* table = nullptr;  ///< null: absent
  std::string absent_reason;             ///< when absent: one sentence with what would make it present
  bool present() const { return table != nullptr; }
  bool dense() const { return table && table->kind == SPARSMITH_PEER_DENSE; }
  std::string version() const;  ///< empty when absent
};

/// Every known peer, in a fixed order, then unknown modules found beside them. Modules are looked for in
/// $SPARSMITH_PEERS (colon-separated directories), <executable>/../lib/sparsmith/peers and, last, the build tree.
std::vector<Peer> discover();

/// The present peers that `list` names: "all", "none" or names by commas. A name that is unknown or absent goes to
/// `missing` as a sentence ("mkl_csr: its module isn't installed ...").
std::vector<Peer> select(const std::vector<Peer>& peers, std::string_view list, std::vector<std::string>& missing);

/// One peer made ready for one problem. Move-only.
class PeerRun {
 public:
  /// Empty when the peer refuses the problem; `reason` then says why. A 1x1 convolution that is a product also goes to
  /// peers that know products only.
  static std::optional<PeerRun> prepare(const Peer& peer, const SparsmithPeerProblem& problem, std::string& reason);
  void run() { table_->run(state_); }
  void finish() { table_->finish(state_); }  ///< result to problem.y

  PeerRun(PeerRun&& other) noexcept;
  PeerRun& operator=(PeerRun&& other) noexcept;
  ~PeerRun();

 private:
  PeerRun(const SparsmithPeer* table, void* state) : table_(table), state_(state) {}
  const SparsmithPeer* table_ = nullptr;
  void* state_ = nullptr;
};

}  // namespace sparsmith::bench
