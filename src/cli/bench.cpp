#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "bench/measure.h"
#include "cli/bench_case.h"
#include "cli/bench_pair.h"
#include "cli/bench_report.h"
#include "cli/case_file.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"

namespace sparsmith::cli {
namespace {

// What is being done, on stderr: one line that is rewritten on a terminal, a line per case elsewhere.
class ProgressLine {
 public:
  ProgressLine() : terminal_(isatty(STDERR_FILENO) != 0) {}
  void start(size_t index, size_t count, const BenchCase& item) {
    label_ = format("[%zu/%zu] %s %s", index + 1, count, item.file.c_str(), item.describe().c_str());
    if (!terminal_) std::fprintf(stderr, "%s\n", label_.c_str());
  }
  void step(const std::string& what) const {
    if (terminal_) std::fprintf(stderr, "\r\033[K%s: %s", label_.c_str(), what.c_str());
  }
  void note(const std::string& what) const {
    clear();
    std::fprintf(stderr, "  %s\n", what.c_str());
  }
  void clear() const {
    if (terminal_) std::fputs("\r\033[K", stderr);
  }

 private:
  bool terminal_;
  std::string label_;
};

struct BenchCommand {
  std::vector<std::string> files;
  ConvOptions conv;
  std::string batch = "1", then;
  std::string n, cases, threads = "1", peers = "all", json, seed = "1", budget = "60", target = "host";
  std::string layouts = "panel,plain";
  bool tune = false;
  bool fixed_n = false;
  bool cold = false;

  std::vector<BenchCase> list() const {
    std::vector<BenchCase> all;
    if (!cases.empty()) all = read_case_file(cases);
    if (files.empty() && all.empty()) throw UsageError{"bench wants weight files or --cases FILE"};
    const bool convolution = !conv.conv.empty();
    if (!files.empty() && n.empty() && !convolution)
      throw UsageError{"bench wants --n N[,N...] or --conv C,H,W for the files it is given"};
    if (files.empty() && (!n.empty() || convolution))
      throw UsageError{"--n and --conv go with weight files; a case file says its own"};
    if (convolution)
      for (const std::string& file : files) all.push_back({.file = file, .conv = conv, .batch = batch, .then = then});
    if (files.empty() || convolution) return all;
    const std::vector<int64_t> counts = parse_counts(n, "--n", 1, kMaxDimension);
    for (const std::string& file : files)
      for (int64_t count : counts) all.push_back({.file = file, .n = count, .conv = {}, .then = {}});
    return all;
  }

  std::vector<bench::Peer> select_peers() const {
    const std::vector<bench::Peer> known = bench::discover();
    std::vector<std::string> missing;
    std::vector<bench::Peer> chosen = bench::select(known, peers, missing);
    // Asked for by name, an absent peer is an error; of "all", only those there are.
    if (!missing.empty() && peers != "all") {
      std::string text;
      for (const std::string& sentence : missing) text += (text.empty() ? "" : "; ") + sentence;
      fail(text);
    }
    for (const bench::Peer& peer : chosen)
      std::fprintf(stderr, "peer %s: %s, %s\n", peer.name.c_str(), peer.version().c_str(), peer.table->summary);
    if (peers == "all")
      for (const bench::Peer& peer : known)
        if (!peer.present())
          std::fprintf(stderr, "peer %s: absent, %s\n", peer.name.c_str(), peer.absent_reason.c_str());
    return chosen;
  }

  std::vector<Layout> read_layouts() const {
    std::vector<Layout> all;
    for (const std::string_view name : split(layouts, ',')) {
      if (std::ranges::find(kLayoutNames, name) == kLayoutNames.end())
        throw UsageError{"--layouts wants plain, panel, plane or row, with commas between them, got '" + layouts + "'"};
      if (const Layout layout = parse_layout(name); std::ranges::find(all, layout) == all.end()) all.push_back(layout);
    }
    return all;
  }

  void run() const {
    BenchOptions options;
    options.threads = static_cast<int>(parse_count(threads, "--threads", 1, kMaxThreads));
    options.budget_ms = static_cast<double>(parse_count(budget, "--budget", 1, 600000));
    options.tune = tune;
    options.layouts = read_layouts();
    options.fixed_n = fixed_n;
    options.target = take(Target::parse(target));
    if (const std::string missing = options.target.missing_on_host(); !missing.empty())
      fail("--target " + target + ": this CPU lacks " + missing + ", so nothing can be timed");
    const std::vector<BenchCase> all = list();
    const bool pairs_too = std::ranges::any_of(all, [](const BenchCase& item) { return !item.then.empty(); });
    if (pairs_too && (cold || fixed_n))
      throw UsageError{std::string("two layers in one call (--then) can't be timed with ") +
                       (cold ? "--cold" : "--fixed-n")};
    if (!json.empty()) write_file(json, "[]\n");  // an unwritable path should show before the work, not after it
    options.peers = select_peers();
    std::optional<bench::CacheEvictor> evictor;
    if (cold) {
      evictor.emplace();
      if (!evictor->unsuitable().empty()) fail("--cold isn't possible here: " + evictor->unsuitable());
      options.cold = &*evictor;
    }
    double peak = options.peak_gflops(100);
    std::fprintf(stderr, "%s, FMA peak %.1f GFLOP/s a core\n", bench::cpu_name().c_str(), peak);

    std::vector<BenchRow> rows;
    std::vector<PairRow> pairs;
    const auto print = [&] {
      std::fputs(bench_table(rows).c_str(), stdout);
      std::fputs(pair_table(pairs).c_str(), stdout);
    };
    ProgressLine line;
    try {
      std::string loaded;
      std::optional<Weights> weights;
      for (size_t i = 0; i < all.size(); ++i) {
        line.start(i, all.size(), all[i]);
        if (!weights || loaded != all[i].file) weights = load_noted_weights(loaded = all[i].file, seed);
        const Progress step = [&](const std::string& what) { line.step(what); };
        const BenchProblem problem = all[i].problem(*weights);
        if (all[i].then.empty()) {
          for (BenchRow& row : bench_case(all[i].file, *weights, problem, options, peak, step,
                                          [&](const std::string& what) { line.note(what); }))
            rows.push_back(std::move(row));
        } else {
          const Weights second = load_noted_weights(all[i].then, seed);
          for (PairRow& row : bench_pair(all[i].file, *weights, all[i].then, second, problem, options, peak, step))
            pairs.push_back(std::move(row));
        }
        if (!json.empty()) write_file(json, bench_json(rows, pairs));
      }
    } catch (...) {
      // What was measured before the failure is still worth its time.
      line.clear();
      print();
      throw;
    }
    line.clear();
    print();
  }
};

}  // namespace

void add_bench(CLI::App& app) {
  auto command = std::make_shared<BenchCommand>();
  CLI::App* sub = app.add_subcommand("bench", "Verify kernels, then time them beside dense and other libraries");
  sub->add_option("W", command->files, "weight files, as for compile");
  auto* n_option = sub->add_option("--n", command->n, "columns")->type_name("N[,N...]");
  auto* conv_option = command->conv.add_to(*sub)->excludes(n_option);
  sub->add_option("--batch", command->batch, "images of the convolution")
      ->type_name("B")
      ->needs(conv_option)
      ->capture_default_str();
  sub->add_option("--then", command->then,
                  "weights of the 1x1 convolution behind it: times both in one call, beside two (no peers)")
      ->type_name("W2")
      ->needs(conv_option);
  sub->add_option("--cases", command->cases, "a list of cases: lines FILE N[,N...] or FILE --conv C,H,W ...")
      ->type_name("FILE");
  sub->add_option("--threads", command->threads, "threads each contender may use")
      ->type_name("T")
      ->capture_default_str();
  sub->add_option("--peers", command->peers, "all that are installed, none, or names")
      ->type_name("all|none|a,b")
      ->capture_default_str();
  sub->add_flag("--tune", command->tune, "let measurement choose the schedule");
  sub->add_option("--layouts", command->layouts,
                  "layouts of activations to time: plain, panel and, of convolutions that aren't 1x1, plane and row, "
                  "with which plain ones are also timed in each layout of images")
      ->type_name("L[,L...]")
      ->capture_default_str();
  sub->add_flag("--fixed-n", command->fixed_n, "make each kernel for its N only");
  sub->add_option("--target", command->target,
                  "of Sparsmith's kernels, as for compile; the FMA peak is that of its vectors")
      ->type_name("T")
      ->capture_default_str();
  sub->add_flag("--cold", command->cold,
                "throw code, weights and activations out of all caches before every call, and plan for that");
  sub->add_option("--json", command->json, "also write the rows as JSON")->type_name("F");
  sub->add_option("--budget", command->budget, "timed milliseconds for each contender")
      ->type_name("MS")
      ->capture_default_str();
  sub->add_option("--seed", command->seed, "of the values given to files that hold only a pattern")
      ->type_name("S")
      ->capture_default_str();
  sub->footer(
      "One thread is pinned; contenders are interleaved; times are minima, with medians in the JSON. `pack us` is "
      "what\n"
      "plain data costs around a kernel of the layout; `of roof` takes the larger of FMA time and compulsory traffic.\n"
      "With --cold every line of memory that no file backs is flushed: operands, packed weights and generated code of\n"
      "all contenders. Library code and branch predictors stay, as they do while a network's other layers run.\n"
      "Examples:\n"
      "  sparsmith bench examples/digits/hidden.npz --n 128\n"
      "  sparsmith bench filter.npy --conv 64,56,56 --kernel 3x3 --pad 1 --peers onednn_conv,onednn_winograd\n"
      "  sparsmith bench examples/digits/hidden.npz --n 16,128 --cold\n"
      "  sparsmith bench depthwise.npy --conv 64,56,56 --kernel 3x3 --pad 1 --groups 64 --then pointwise.npy\n"
      "  sparsmith bench a.smtx b.smtx --n 49,196 --peers openblas,eigen_sparse --json rows.json");
  sub->callback([command] { command->run(); });
}

}  // namespace sparsmith::cli
