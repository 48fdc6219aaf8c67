/// \file
/// .npz: a zip of .npy members, holding plain arrays or one scipy.sparse matrix.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "load/npy.h"
#include "load/zip.h"
#include "sparsmith/load.h"

namespace sparsmith::load {

struct NpyMember {
  NpyHeader header;
  std::string data;
};

class Npz {
 public:
  static Result<Npz> open(const ByteSource& source, const std::string& origin);

  /// Names without ".npy", in the archive's order.
  const std::vector<std::string>& names() const { return names_; }
  bool has(std::string_view name) const;
  /// How messages name a member: "file.npz:name".
  std::string member_origin(std::string_view name) const;

  /// The header alone, without inflating the data.
  Result<NpyHeader> header(std::string_view name) const;
  /// All of a member: its declared size must be what its own header promises.
  Result<NpyMember> read(std::string_view name) const;
  Result<Array> floats(std::string_view name) const;
  Result<std::vector<int64_t>> integers(std::string_view name) const;

 private:
  Npz(const ByteSource& source, std::string origin) : source_(&source), origin_(std::move(origin)) {}
  Result<const ZipEntry*> find(std::string_view name) const;

  const ByteSource* source_;
  std::string origin_;
  std::vector<ZipEntry> entries_;
  std::vector<std::string> names_;
};

/// With an empty name: the scipy.sparse matrix, else the only array of 2 or more dimensions.
Result<Weights> npz_weights(const ByteSource& source, const std::string& name, const std::string& origin);
/// With an empty name: the only array.
Result<Array> npz_array(const ByteSource& source, const std::string& name, const std::string& origin);

/// Whether the members are those of scipy.sparse.save_npz.
bool is_scipy_sparse(const Npz& npz);
/// Formats csr, csc, coo and bsr.
Result<Weights> scipy_weights(const Npz& npz, const std::string& origin);

}  // namespace sparsmith::load
