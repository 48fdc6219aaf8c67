/* The C interface of a peer module: another library's way to compute Y[M,N] = W[M,K] x X[K,N] in fp32.
 *
 * A module exports one table `sparsmith_peer`. It is opened with dlopen(RTLD_LOCAL | RTLD_DEEPBIND), so BLAS libraries
 * with the same symbol names live beside each other, and neither Sparsmith nor its command depends on any. */
#ifndef SPARSMITH_PEER_H
#define SPARSMITH_PEER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bumped with every change of the structures below; a module of another version is refused. */
#define SPARSMITH_PEER_ABI 1

/* One problem. All arrays belong to the caller and outlive the state; x and y are aligned to 64 bytes. */
typedef struct SparsmithPeerProblem {
  int64_t m, k, n, nnz;
  const int64_t* row_offsets; /* m + 1 */
  const int32_t* columns;     /* nnz, ascending in each row */
  const float* values;        /* nnz */
  const float* dense_w;       /* row-major m x k */
  const float* x;             /* row-major k x n */
  float* y;                   /* row-major m x n; only `finish` must leave the result here */
  int threads;                /* threads the peer may use */
} SparsmithPeerProblem;

typedef enum SparsmithPeerKind { SPARSMITH_PEER_DENSE = 0, SPARSMITH_PEER_SPARSE = 1 } SparsmithPeerKind;

typedef struct SparsmithPeer {
  uint32_t abi;        /* SPARSMITH_PEER_ABI */
  const char* name;    /* as in `sparsmith bench --peers` */
  const char* summary; /* one clause: which of the library's kernels, in which layout */
  SparsmithPeerKind kind;
  /* The library's version, as it says itself. */
  const char* (*version)(void);
  /* Makes everything that depends on the problem: converts weights and x to the peer's own best layout, creates
   * kernels. Not timed. Null when the peer can't do this problem; `reason` then says why. */
  void* (*prepare)(const SparsmithPeerProblem* problem, char* reason, size_t reason_size);
  /* The kernel alone; may be called many times and gives the same result each time. */
  void (*run)(void* state);
  /* Writes the result of the last run to problem->y, row-major. Not timed. */
  void (*finish)(void* state);
  void (*destroy)(void* state);
} SparsmithPeer;

/* The symbol a module exports: `const SparsmithPeer sparsmith_peer`. */
#define SPARSMITH_PEER_SYMBOL "sparsmith_peer"
#define SPARSMITH_PEER_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
}
#endif
#endif
