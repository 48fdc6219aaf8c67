/* The C interface of a peer module: another library's way to compute, in fp32, Y[M,N] = W[M,K] x X[K,N] or a
 * convolution.
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
#define SPARSMITH_PEER_ABI 2

/* X is [batch, channels, height, width], Y [batch, m, out_height, out_width], both NCHW; what lies outside X is 0. */
typedef struct SparsmithPeerConv {
  int64_t batch, channels, height, width;
  int64_t kernel_h, kernel_w, stride_h, stride_w;
  int64_t dilation_h, dilation_w; /* 1: taps lie side by side */
  int64_t pad_top, pad_left, pad_bottom, pad_right;
  int64_t groups; /* divides channels and m */
  int64_t out_height, out_width;
} SparsmithPeerConv;

/* One problem. All arrays belong to the caller and outlive the state; x and y are aligned to 64 bytes.
 * A convolution has W [m, channels / groups, kernel_h, kernel_w] (OIHW), so k = channels / groups * kernel_h *
 * kernel_w, and n = batch * out_height * out_width; `columns` index the k taps of a row in that order. */
typedef struct SparsmithPeerProblem {
  int64_t m, k, n, nnz;
  const int64_t* row_offsets;    /* m + 1 */
  const int32_t* columns;        /* nnz, ascending in each row */
  const float* values;           /* nnz */
  const float* dense_w;          /* row-major m x k */
  const float* x;                /* row-major k x n; NCHW for a convolution */
  float* y;                      /* row-major m x n, or NCHW; only `finish` must leave the result here */
  int threads;                   /* threads the peer may use */
  const SparsmithPeerConv* conv; /* null: a matrix product */
} SparsmithPeerProblem;

typedef enum SparsmithPeerKind { SPARSMITH_PEER_DENSE = 0, SPARSMITH_PEER_SPARSE = 1 } SparsmithPeerKind;

/* What a peer computes; a mask. */
typedef enum SparsmithPeerOperation {
  SPARSMITH_PEER_PRODUCT = 1,
  SPARSMITH_PEER_CONVOLUTION = 2
} SparsmithPeerOperation;

typedef struct SparsmithPeer {
  uint32_t abi;        /* SPARSMITH_PEER_ABI */
  const char* name;    /* as in `sparsmith bench --peers` */
  const char* summary; /* one clause: which of the library's kernels, in which layout */
  SparsmithPeerKind kind;
  uint32_t operations; /* of SparsmithPeerOperation; `prepare` sees no other problems */
  /* The library's version, as it says itself. */
  const char* (*version)(void);
  /* Makes everything that depends on the problem: converts weights and x to the peer's own best layout, creates
   * kernels. Not timed. Null when the peer can't do this problem; `reason` then says why. */
  void* (*prepare)(const SparsmithPeerProblem* problem, char* reason, size_t reason_size);
  /* The kernel alone; may be called many times and gives the same result each time. */
  void (*run)(void* state);
  /* Writes the result of the last run to problem->y. Not timed. */
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
