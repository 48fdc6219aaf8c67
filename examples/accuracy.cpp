// A compiled network on a labelled set: loads the artifact, classifies all images in batches and counts the right ones.
//   accuracy MODEL.smk IMAGES.npz LABELS.npy
#include <sparsmith/load.h>
#include <sparsmith/model.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

template <class T>
T take(sparsmith::Result<T> result) {
  if (result.ok()) return std::move(result).value();
  std::fprintf(stderr, "%s\n%s\n", result.error().message.c_str(), result.error().hint.c_str());
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: accuracy MODEL.smk IMAGES.npz LABELS.npy\n");
    return 2;
  }
  const sparsmith::Model model = take(sparsmith::Model::load(argv[1]));
  const auto images = take(sparsmith::load_tensors(argv[2]));
  const sparsmith::Array labels = take(sparsmith::load_array(argv[3]));
  if (images.size() != 1 || images[0].element != sparsmith::ElementType::f32 || images[0].shape.empty() ||
      images[0].shape[0] != labels.size() || labels.size() == 0 || model.inputs().size() != 1) {
    std::fprintf(stderr, "one array of float32 images is expected, as many as labels, for a model of one input\n");
    return 1;
  }

  // The batch is a run-time dimension; this many images' activations stay in the caches.
  constexpr int64_t kBatch = 4;
  const int64_t count = labels.size();
  const auto image_bytes = static_cast<int64_t>(images[0].bytes.size()) / count;
  int64_t right = 0;
  double seconds = 0;
  for (int64_t first = 0; first < count; first += kBatch) {
    std::vector<int64_t> shape = images[0].shape;
    shape[0] = std::min(kBatch, count - first);
    const auto shapes = take(model.output_shapes({&shape, 1}));
    const int64_t classes = shapes[0].back();
    std::vector<float> scores(static_cast<size_t>(shape[0] * classes));
    const sparsmith::InputTensor input{images[0].bytes.data() + first * image_bytes, shape};
    void* const output = scores.data();
    const auto start = std::chrono::steady_clock::now();
    take(model.run({.inputs = {&input, 1}, .outputs = {&output, 1}}));
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (int64_t i = 0; i < shape[0]; ++i) {
      const auto best = std::max_element(scores.begin() + i * classes, scores.begin() + (i + 1) * classes);
      right +=
          best - (scores.begin() + i * classes) == static_cast<int64_t>(labels.data[static_cast<size_t>(first + i)]);
    }
  }
  std::printf("%lld of %lld images are classified right: %.2f %%, %.0f images a second on one thread\n",
              static_cast<long long>(right), static_cast<long long>(count),
              100.0 * static_cast<double>(right) / static_cast<double>(count), static_cast<double>(count) / seconds);
  return 0;
}
