#include "runtime/scratch.h"

#include <memory>
#include <new>

#include "runtime/parallel.h"

namespace sparsmith {
namespace {

class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { release(); }

  std::byte* reserve(int64_t bytes) {
    if (bytes > size_) {
      release_data();
      data_ = static_cast<std::byte*>(::operator new(static_cast<size_t>(bytes), kAlignment, std::nothrow));
      size_ = data_ != nullptr ? bytes : 0;
    }
    return data_;
  }

  void release() {
    release_data();
    nested_.reset();
  }

  // The memory of a call made while a call of this thread goes on; null when there is no memory.
  Scratch* nested() {
    if (!nested_) nested_.reset(new (std::nothrow) Scratch);
    return nested_.get();
  }

 private:
  void release_data() {
    ::operator delete(data_, kAlignment);
    data_ = nullptr;
    size_ = 0;
  }

  static constexpr std::align_val_t kAlignment{64};
  std::byte* data_ = nullptr;
  int64_t size_ = 0;
  std::unique_ptr<Scratch> nested_;
};

thread_local Scratch scratch;

}  // namespace

std::byte* reserve_scratch(int64_t bytes) {
  Scratch* level = &scratch;
  for (int depth = call_depth(); depth > 1 && level != nullptr; --depth) level = level->nested();
  return level != nullptr ? level->reserve(bytes) : nullptr;
}

void release_scratch() { scratch.release(); }

}  // namespace sparsmith
