#include "cli/report.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>

namespace sparsmith::cli {

namespace {

// Messages quote names from files, which must not write to the terminal.
std::string harmless(std::string text) {
  for (char& c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f) c = '?';
  }
  return text;
}

}  // namespace

void print_error(const Error& error) {
  const char* kind = error.kind == ErrorKind::internal ? "internal error: " : "";
  std::fprintf(stderr, "sparsmith: %s%s\n", kind, harmless(error.message).c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  %s\n", harmless(error.hint).c_str());
  if (error.kind == ErrorKind::internal)
    std::fprintf(stderr, "  This is a defect of Sparsmith; please report it with the sentence above.\n");
}

void print_warning(const std::string& message) { std::fprintf(stderr, "sparsmith: note: %s\n", message.c_str()); }

void finish_output() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    fail(std::string("standard output can't be written: ") + std::strerror(errno));
}

std::string format(const char* pattern, ...) {
  va_list args, again;
  va_start(args, pattern);
  va_copy(again, args);
  const int size = std::vsnprintf(nullptr, 0, pattern, args);
  va_end(args);
  std::string text(size > 0 ? static_cast<size_t>(size) : 0, '\0');
  std::vsnprintf(text.data(), text.size() + 1, pattern, again);
  va_end(again);
  return text;
}

std::string human_time(double ns) {
  if (ns < 1e6) return format("%.1f us", ns / 1e3);
  if (ns < 1e9) return format("%.2f ms", ns / 1e6);
  return format("%.2f s", ns / 1e9);
}

std::string human_bytes(int64_t bytes) {
  const auto size = static_cast<double>(bytes);
  if (size < 1e4) return format("%lld bytes", static_cast<long long>(bytes));
  if (size < 1e6) return format("%.0f KB", size / 1e3);
  return format("%.1f MB", size / 1e6);
}

void write_file(const std::string& path, const std::string& content) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "wb"),
                                                             [](std::FILE*) { return 0; });
  if (!file) fail(path + " can't be written: " + std::strerror(errno));
  const bool written = std::fwrite(content.data(), 1, content.size(), file.get()) == content.size();
  if (std::fclose(file.get()) != 0 || !written) fail(path + " can't be written: " + std::strerror(errno));
}

}  // namespace sparsmith::cli
