#include <cinttypes>
#include <cstdio>
#include <ctime>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"

namespace sparsmith::cli {
namespace {

std::string date(int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  char text[32] = "-";
  if (localtime_r(&time, &parts)) std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

std::shared_ptr<Cache> open_disk_cache(const std::string& option) {
  if (option == "none") throw UsageError{"--cache none has no entries; name a directory or leave it out"};
  auto cache = open_cache(option);
  if (cache->directory().empty())
    fail("there is no cache directory: neither SPARSMITH_CACHE, XDG_CACHE_HOME nor HOME is set, or it can't be used",
         "Name one with --cache DIR.");
  return cache;
}

void list(const Cache& cache) {
  const std::vector<CacheEntry> entries = take(cache.list());
  int64_t bytes = 0;
  if (!entries.empty()) std::printf("%-32s  %10s  %-19s  %s\n", "key", "size", "last use", "kernel");
  for (const CacheEntry& entry : entries) {
    std::printf("%-32s  %10s  %-19s  %s\n", entry.key.c_str(), human_bytes(entry.bytes).c_str(),
                date(entry.last_use).c_str(), entry.symbol.c_str());
    bytes += entry.bytes;
  }
  std::printf("%zu %s, %s in %s\n", entries.size(), entries.size() == 1 ? "entry" : "entries",
              human_bytes(bytes).c_str(), cache.directory().c_str());
}

}  // namespace

void add_cache(CLI::App& app) {
  auto directory = std::make_shared<std::string>();
  CLI::App* sub = app.add_subcommand("cache", "Show or empty the disk cache of generated code");
  sub->require_subcommand(1);
  const auto action = [&](const char* name, const char* text, auto run) {
    CLI::App* command = sub->add_subcommand(name, text);
    command->add_option("--cache", *directory, "another directory than the default")->type_name("DIR");
    command->callback([directory, run] { run(*directory); });
  };
  action("list", "Entries, most recently used first",
         [](const std::string& option) { list(*open_disk_cache(option)); });
  action("clear", "Remove all entries", [](const std::string& option) {
    const auto cache = open_disk_cache(option);
    const int64_t removed = take(cache->clear());
    std::printf("%" PRId64 " %s removed from %s\n", removed, removed == 1 ? "entry" : "entries",
                cache->directory().c_str());
  });
  action("path", "Print the directory", [](const std::string& option) {
    if (option == "none") throw UsageError{"--cache none has no path"};
    const std::string path = option.empty() ? default_cache_directory() : option;
    if (path.empty()) fail("there is no cache directory: neither SPARSMITH_CACHE, XDG_CACHE_HOME nor HOME is set");
    std::printf("%s\n", path.c_str());
  });
  sub->footer(
      "The directory is $SPARSMITH_CACHE, else $XDG_CACHE_HOME/sparsmith, else ~/.cache/sparsmith.\n"
      "Example:\n"
      "  sparsmith cache list");
}

}  // namespace sparsmith::cli
