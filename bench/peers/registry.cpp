#include "bench/peers/registry.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace sparsmith::bench {

namespace {

namespace fs = std::filesystem;

struct Known {
  const char* name;
  const char* package;  ///< what brings the library
};
constexpr std::array<Known, 17> kKnown = {{
    {"openblas", "apt libopenblas-dev"},
    {"onednn", "apt libdnnl-dev"},
    {"mkl", "pip mkl"},
    {"eigen_dense", "apt libeigen3-dev"},
    {"xnnpack_dense", "apt libxnnpack-dev libpthreadpool-dev"},
    {"libxsmm", "apt libxsmm-dev"},
    {"mkl_csr", "pip mkl"},
    {"onednn_csr", "pip onednn-devel"},
    {"xnnpack", "apt libxnnpack-dev libpthreadpool-dev"},
    {"eigen_sparse", "apt libeigen3-dev"},
    {"onednn_conv", "apt libdnnl-dev"},
    {"onednn_winograd", "apt libdnnl-dev"},
    {"onednn3_conv", "pip onednn-devel"},
    {"xnnpack_conv", "apt libxnnpack-dev libpthreadpool-dev"},
    {"im2col_openblas", "apt libopenblas-dev"},
    {"im2col_mkl_csr", "pip mkl"},
    {"im2col_libxsmm", "apt libxsmm-dev"},
}};
constexpr std::string_view kPrefix = "sparsmith_peer_";
constexpr std::string_view kSuffix = ".so";

std::vector<fs::path> directories() {
  std::vector<fs::path> found;
  if (const char* list = std::getenv("SPARSMITH_PEERS")) {
    std::string_view rest = list;
    while (!rest.empty()) {
      const size_t colon = std::min(rest.find(':'), rest.size());
      if (colon > 0) found.emplace_back(rest.substr(0, colon));
      rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
  }
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  if (!error) found.push_back(executable.parent_path().parent_path() / "lib" / "sparsmith" / "peers");
#ifdef SPARSMITH_BUILD_PEERS_DIR
  found.emplace_back(SPARSMITH_BUILD_PEERS_DIR);
#endif
  return found;
}

/// A BLAS in the process must not answer for the module's own: deep binding makes it look in its own libraries first.
/// AddressSanitizer forbids that flag.
int open_flags() {
#if defined(__SANITIZE_ADDRESS__)
  return RTLD_NOW | RTLD_LOCAL;
#else
  return RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND;
#endif
}

Peer open_module(const std::string& name, const fs::path& file) {
  Peer peer{name, nullptr, {}};
  void* module = dlopen(file.c_str(), open_flags());
  if (!module) {
    const char* why = dlerror();
    peer.absent_reason = "its module does not load: " + std::string(why ? why : file.string());
    return peer;
  }
  const auto* table = static_cast<const SparsmithPeer*>(dlsym(module, SPARSMITH_PEER_SYMBOL));
  if (!table) {
    peer.absent_reason = file.string() + " is not a peer module: it has no symbol " SPARSMITH_PEER_SYMBOL;
  } else if (table->abi != SPARSMITH_PEER_ABI) {
    peer.absent_reason = file.string() + " was built for peer interface " + std::to_string(table->abi) +
                         ", this program has " + std::to_string(SPARSMITH_PEER_ABI) + ": rebuild it";
  } else {
    peer.table = table;
  }
  return peer;
}

/// Module files by name, the first directory that has a name wins.
std::vector<std::pair<std::string, fs::path>> module_files() {
  std::vector<std::pair<std::string, fs::path>> files;
  for (const fs::path& directory : directories()) {
    std::vector<std::pair<std::string, fs::path>> here;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory, error)) {
      std::string name = entry.path().filename().string();
      if (name.size() <= kPrefix.size() + kSuffix.size()) continue;
      if (name.compare(0, kPrefix.size(), kPrefix) != 0) continue;
      if (name.compare(name.size() - kSuffix.size(), kSuffix.size(), kSuffix) != 0) continue;
      name = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
      const bool seen = std::any_of(files.begin(), files.end(), [&](const auto& file) { return file.first == name; });
      if (!seen) here.emplace_back(std::move(name), entry.path());
    }
    std::sort(here.begin(), here.end());
    files.insert(files.end(), here.begin(), here.end());
  }
  return files;
}

/// A 1x1 convolution that is the product of W with X as it lies.
bool is_product(const SparsmithPeerConv& c) {
  return c.kernel_h == 1 && c.kernel_w == 1 && c.stride_h == 1 && c.stride_w == 1 && c.groups == 1 && c.batch == 1 &&
         c.pad_top == 0 && c.pad_left == 0 && c.pad_bottom == 0 && c.pad_right == 0;
}

}  // namespace

std::string Peer::version() const { return table && table->version ? table->version() : std::string(); }

std::vector<Peer> discover() {
  auto files = module_files();
  std::vector<Peer> peers;
  for (const Known& known : kKnown) {
    const auto file = std::find_if(files.begin(), files.end(), [&](const auto& f) { return f.first == known.name; });
    if (file == files.end()) {
      peers.push_back({known.name, nullptr,
                       "no module was built for it; install " + std::string(known.package) +
                           " (scripts/setup-peers does) and configure again"});
      continue;
    }
    peers.push_back(open_module(known.name, file->second));
    files.erase(file);
  }
  for (const auto& [name, file] : files) peers.push_back(open_module(name, file));
  return peers;
}

std::vector<Peer> select(const std::vector<Peer>& peers, std::string_view list, std::vector<std::string>& missing) {
  std::vector<Peer> chosen;
  if (list == "none") return chosen;
  if (list == "all") {
    for (const Peer& peer : peers) {
      if (peer.present()) {
        chosen.push_back(peer);
      } else {
        missing.push_back(peer.name + ": " + peer.absent_reason);
      }
    }
    return chosen;
  }
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    const std::string name(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (name.empty()) continue;
    const auto peer = std::find_if(peers.begin(), peers.end(), [&](const Peer& p) { return p.name == name; });
    if (peer == peers.end()) {
      std::string names;
      for (const Peer& p : peers) names += (names.empty() ? "" : ", ") + p.name;
      missing.push_back(name + ": no such peer; there are " + names);
    } else if (!peer->present()) {
      missing.push_back(name + ": " + peer->absent_reason);
    } else {
      chosen.push_back(*peer);
    }
  }
  return chosen;
}

std::optional<PeerRun> PeerRun::prepare(const Peer& peer, const SparsmithPeerProblem& problem, std::string& reason) {
  if (!peer.present()) {
    reason = peer.absent_reason;
    return std::nullopt;
  }
  SparsmithPeerProblem asked = problem;
  const uint32_t can = peer.table->operations;
  if (asked.conv && !(can & SPARSMITH_PEER_CONVOLUTION) && is_product(*asked.conv)) asked.conv = nullptr;
  if (!(can & (asked.conv ? SPARSMITH_PEER_CONVOLUTION : SPARSMITH_PEER_PRODUCT))) {
    reason = asked.conv ? "it computes matrix products only, not convolutions" : "it computes convolutions only";
    return std::nullopt;
  }
  std::array<char, 256> why{};
  void* state = peer.table->prepare(&asked, why.data(), why.size());
  if (!state) {
    why.back() = '\0';
    reason = why[0] ? why.data() : "it refused the problem without a reason";
    return std::nullopt;
  }
  return PeerRun(peer.table, state);
}

PeerRun::PeerRun(PeerRun&& other) noexcept : table_(other.table_), state_(std::exchange(other.state_, nullptr)) {}

PeerRun& PeerRun::operator=(PeerRun&& other) noexcept {
  std::swap(table_, other.table_);
  std::swap(state_, other.state_);
  return *this;
}

PeerRun::~PeerRun() {
  if (state_) table_->destroy(state_);
}

}  // namespace sparsmith::bench
