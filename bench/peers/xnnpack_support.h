/// \file
/// XNNPACK's set-up, the same for its modules.
#pragma once

#include <pthreadpool.h>
#include <xnnpack.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace sparsmith::peers {

inline void check_xnn(xnn_status status, const char* call) {
  if (status == xnn_status_success) return;
  throw std::runtime_error(std::string(call) + " returned status " + std::to_string(static_cast<int>(status)));
}

struct PoolDeleter {
  void operator()(pthreadpool_t pool) const { pthreadpool_destroy(pool); }
};
/// Null (the caller's thread) for one thread.
using Pool = std::unique_ptr<pthreadpool, PoolDeleter>;
inline Pool make_pool(int threads) {
  return Pool(threads > 1 ? pthreadpool_create(static_cast<size_t>(threads)) : nullptr);
}

struct OperatorDeleter {
  void operator()(xnn_operator_t op) const { xnn_delete_operator(op); }
};
using Operator = std::unique_ptr<xnn_operator, OperatorDeleter>;

inline const char* xnnpack_version() { return "XNNPACK (it has no version numbers; Debian 12 has 2022-02-16)"; }

}  // namespace sparsmith::peers
