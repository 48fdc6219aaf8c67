// A fuzz target without a fuzzer: the seeds, every truncation of them, and some thousand mutations of a fixed random
// sequence, in about a second and with any compiler. Also writes the seeds for libFuzzer, and replays files it found.
//   replay [rounds] | replay --write-seeds FOLDER | replay --files FILE...
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <new>

#include "target.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SPARSMITH_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SPARSMITH_SANITIZED 1
#endif

#ifndef SPARSMITH_SANITIZED  // sanitizers bring their own
namespace {
/// The inputs are at most a few kilobytes: what is honest to allocate for them is a dimension of 2^20 and a 1032-fold
/// inflation.
constexpr size_t kMostAtOnce = size_t{64} << 20;
}  // namespace

void* operator new(size_t size) {
  if (size > kMostAtOnce) {
    std::fprintf(stderr, "fuzz target: allocates %zu bytes for a small input\n", size);
    std::abort();
  }
  if (void* memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
#endif

namespace {

namespace fs = std::filesystem;
using sparsmith::fuzz::run;
using sparsmith::fuzz::seeds;

/// The input being run, so that a crash can be kept.
std::string current;

/// Writes the input that crashed where a person can find it, with calls that are allowed in a signal handler.
void keep_crash(int signal) {
  const int file = ::open("sparsmith_fuzz_crash", O_WRONLY | O_CREAT | O_TRUNC, 0666);
  constexpr std::string_view kNote = "the input is in ./sparsmith_fuzz_crash\n";
  if (file >= 0 && ::write(file, current.data(), current.size()) == static_cast<ssize_t>(current.size())) {
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kNote.data(), kNote.size());
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

class Random {
 public:
  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t x = state_;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }
  size_t below(size_t limit) { return limit == 0 ? 0 : static_cast<size_t>(next() % limit); }

 private:
  uint64_t state_ = 20240607;
};

constexpr uint64_t kInteresting[] = {
    0,          1,          2,          7,          8,          0x7f,       0x80,        0xff,       0x100,
    0x7fff,     0x8000,     0xffff,     0x7fffffff, 0x80000000, 0xffffffff, 1ull << 20,  1ull << 28, 1ull << 32,
    1ull << 40, 1ull << 62, ~0ull >> 1, 1ull << 63, ~0ull,      ~0ull - 7,  4000000000u, 1000000,    3037000500};

void overwrite_number(std::string& input, Random& random) {
  const size_t width = size_t{1} << random.below(4);
  if (input.size() < width) return;
  const uint64_t value = kInteresting[random.below(std::size(kInteresting))];
  std::memcpy(input.data() + random.below(input.size() - width + 1), &value, width);
}

/// Replaces a run of decimal digits: the numbers of text formats.
void replace_digits(std::string& input, Random& random) {
  const size_t start = input.find_first_of("0123456789", random.below(input.size()));
  if (start == std::string::npos) return;
  const size_t end = std::min(input.find_first_not_of("0123456789", start), input.size());
  const uint64_t value = kInteresting[random.below(std::size(kInteresting))];
  std::string text = std::to_string(value);
  if (random.below(8) == 0) text = '-' + text;
  if (random.below(8) == 0) text += "e99";
  input.replace(start, end - start, text);
}

std::string mutated(const std::vector<std::string>& all, Random& random) {
  std::string input = all[random.below(all.size())];
  for (size_t changes = 1 + random.below(4); changes > 0 && !input.empty(); --changes) {
    switch (random.below(8)) {
      case 0:
        input[random.below(input.size())] ^= static_cast<char>(1u << random.below(8));
        break;
      case 1:
        input[random.below(input.size())] = static_cast<char>(random.next());
        break;
      case 2:
        input.erase(random.below(input.size()), 1 + random.below(8));
        break;
      case 3:
        input.insert(random.below(input.size()), 1 + random.below(8), static_cast<char>(random.next()));
        break;
      case 4: {  // a piece of another seed
        const std::string& other = all[random.below(all.size())];
        if (other.empty()) break;
        input.replace(random.below(input.size()), random.below(16), other, random.below(other.size()),
                      random.below(32));
        break;
      }
      case 5:
        overwrite_number(input, random);
        break;
      case 6:
        replace_digits(input, random);
        break;
      default:
        input.resize(random.below(input.size() + 1));
        break;
    }
  }
  return input;
}

void replay(std::string input) {
  current = std::move(input);
  run(current);
}

int write_seeds(const fs::path& folder) {
  fs::create_directories(folder);
  int number = 0;
  for (const std::string& seed : seeds()) {
    std::ofstream file(folder / ("seed" + std::to_string(number++)), std::ios::binary);
    if (!(file << seed).flush()) {
      std::cerr << "can't write to " << folder << '\n';
      return 1;
    }
  }
  return 0;
}

int replay_files(int count, char** files) {
  for (int i = 0; i < count; ++i) {
    std::ifstream file(files[i], std::ios::binary);
    if (!file) {
      std::cerr << files[i] << ": can't be opened\n";
      return 1;
    }
    replay({std::istreambuf_iterator<char>(file), {}});
  }
  std::cout << count << " files replayed\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--write-seeds") return write_seeds(argv[2]);
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) std::signal(signal, keep_crash);
  if (argc > 2 && std::string_view(argv[1]) == "--files") return replay_files(argc - 2, argv + 2);
  int64_t rounds = 4000;
  if (argc > 1) {
    const char* end = argv[1] + std::strlen(argv[1]);
    if (argc > 2 || std::from_chars(argv[1], end, rounds).ptr != end) {
      std::cerr << "usage: " << argv[0] << " [rounds] | --write-seeds FOLDER | --files FILE...\n";
      return 2;
    }
  }
  const std::vector<std::string> all = seeds();
  int64_t runs = 0;
  for (const std::string& seed : all) {
    for (size_t size = 0; size <= seed.size(); ++size, ++runs) replay(seed.substr(0, size));
  }
  Random random;
  for (int64_t round = 0; round < rounds; ++round, ++runs) replay(mutated(all, random));
  std::cout << runs << " inputs from " << all.size() << " seeds\n";
  return 0;
}
