// Classifies an image with a compiled model, in C++: what an inference app is made of. Needs libsparsmith_runtime only.
//   classify MODEL.smk IMAGE.pgm|IMAGE.ppm [--mean M|R,G,B] [--scale S] [--bgr] [--top N]
// The model sees (pixel - mean) * scale as NCHW; pixels are 0 to 255, the defaults 0 and 1/255. Prints the N best
// classes.
#include <sparsmith/model.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int kMaxSide = 1 << 14;

[[noreturn]] void give_up(const std::string& message, int code = 1) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(code);
}

[[noreturn]] void give_usage() {
  give_up("usage: classify MODEL.smk IMAGE.pgm|IMAGE.ppm [--mean M|R,G,B] [--scale S] [--bgr] [--top N]", 2);
}

// Every call that can fail returns a Result: a value, or an error that says what is wrong and what would be right.
template <class T>
T value_or_exit(sparsmith::Result<T> result) {
  if (result.ok()) return std::move(result).value();
  give_up(result.error().message + (result.error().hint.empty() ? "" : "\n" + result.error().hint));
}

struct Options {
  std::string model, image;
  float mean[3] = {0, 0, 0};
  float scale = 1 / 255.0f;
  bool bgr = false;
  size_t top = 5;
};

Options options_of(int argc, char** argv) {
  if (argc < 3) give_usage();
  Options options{.model = argv[1], .image = argv[2]};
  for (int i = 3; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--bgr") {
      options.bgr = true;
      continue;
    }
    if (++i == argc) give_usage();
    float* const mean = options.mean;
    char end = 0;
    if (name == "--mean" && std::sscanf(argv[i], "%f,%f,%f%c", mean, mean + 1, mean + 2, &end) == 3) continue;
    if (name == "--mean" && std::sscanf(argv[i], "%f%c", mean, &end) == 1) {
      mean[1] = mean[2] = mean[0];
      continue;
    }
    if (name == "--scale" && std::sscanf(argv[i], "%f%c", &options.scale, &end) == 1) continue;
    if (name == "--top" && std::sscanf(argv[i], "%zu%c", &options.top, &end) == 1) continue;
    give_usage();
  }
  return options;
}

struct Image {
  int channels = 0, height = 0, width = 0;
  std::vector<unsigned char> pixels;  // [height][width][channels]
};

// The next number of a header, where a comment goes from # to the line's end.
int header_number(std::istream& file) {
  while (file >> std::ws && file.peek() == '#') file.ignore(1 << 20, '\n');
  int number = 0;
  return file >> number ? number : -1;
}

// A binary PGM (P5) or PPM (P6) with 8 bits a sample.
Image read_image(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) give_up("can't open " + path);
  char magic[2] = {};
  file.read(magic, 2);
  if (magic[0] != 'P' || (magic[1] != '5' && magic[1] != '6')) give_up(path + " is neither a binary PGM nor PPM");
  Image image;
  image.channels = magic[1] == '6' ? 3 : 1;
  image.width = header_number(file);
  image.height = header_number(file);
  const int most = header_number(file);
  if (image.width < 1 || image.width > kMaxSide || image.height < 1 || image.height > kMaxSide || most != 255) {
    give_up(path + ": the header needs a width and a height of 1 to 16384 and 255 as the largest sample");
  }
  file.get();  // one white-space character, then the pixels
  image.pixels.resize(static_cast<size_t>(image.channels) * static_cast<size_t>(image.height) *
                      static_cast<size_t>(image.width));
  file.read(reinterpret_cast<char*>(image.pixels.data()), static_cast<std::streamsize>(image.pixels.size()));
  if (!file) give_up(path + " ends within its pixels");
  return image;
}

// What the model takes: [1, C, H, W] or, for models that see an image as one row, [1, C * H * W].
std::vector<int64_t> input_shape(const sparsmith::TensorInfo& input, const Image& image) {
  std::vector<int64_t> shape{1, image.channels, image.height, image.width};
  if (input.shape.size() == 2) shape = {1, static_cast<int64_t>(image.pixels.size())};
  bool fits = input.element == sparsmith::ElementType::f32 && input.shape.size() == shape.size();
  std::string taken;
  for (size_t i = 0; i < input.shape.size(); ++i) {
    if (fits && input.shape[i] != -1 && input.shape[i] != shape[i]) fits = false;
    taken += (i == 0 ? "" : ", ") + std::to_string(input.shape[i]);
  }
  if (!fits) {
    give_up("the model takes " + std::string(to_string(input.element)) + " [" + taken + "], the image is [1, " +
            std::to_string(image.channels) + ", " + std::to_string(image.height) + ", " + std::to_string(image.width) +
            "]");
  }
  return shape;
}

std::vector<float> input_of(const Image& image, const Options& options) {
  std::vector<float> planes;
  const auto channels = static_cast<size_t>(image.channels);
  for (size_t c = 0; c < channels; ++c) {
    const size_t from = options.bgr ? channels - 1 - c : c;
    for (size_t i = from; i < image.pixels.size(); i += channels) {
      planes.push_back((static_cast<float>(image.pixels[i]) - options.mean[from]) * options.scale);
    }
  }
  return planes;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = options_of(argc, argv);
  const sparsmith::Model model = value_or_exit(sparsmith::Model::load(options.model));
  if (model.inputs().size() != 1) give_up("the model has several inputs; an image is one");
  if (model.outputs()[0].element != sparsmith::ElementType::f32) give_up("the model's first output is no score");
  const Image image = read_image(options.image);
  const std::vector<float> x = input_of(image, options);

  // A buffer for each output; their sizes follow from the input's.
  const std::vector<int64_t> shape = input_shape(model.inputs()[0], image);
  const auto output_shapes = value_or_exit(model.output_shapes({&shape, 1}));
  std::vector<std::vector<std::byte>> buffers;
  std::vector<void*> outputs;
  for (size_t i = 0; i < output_shapes.size(); ++i) {
    int64_t bytes = size_of(model.outputs()[i].element);
    for (const int64_t size : output_shapes[i]) bytes *= size;
    outputs.push_back(buffers.emplace_back(static_cast<size_t>(bytes)).data());
  }

  const sparsmith::InputTensor input{x.data(), shape};
  sparsmith::ModelArgs args;
  args.inputs = {&input, 1};
  args.outputs = outputs;
  value_or_exit(model.run(args));

  const auto* const scores = reinterpret_cast<const float*>(buffers[0].data());
  std::vector<size_t> classes(buffers[0].size() / sizeof(float));
  std::iota(classes.begin(), classes.end(), size_t{0});
  for (size_t place = 1; place <= options.top && !classes.empty(); ++place) {
    const auto best =
        std::max_element(classes.begin(), classes.end(), [&](size_t a, size_t b) { return scores[a] < scores[b]; });
    std::printf("%zu. class %zu: %.4f\n", place, *best, scores[*best]);
    classes.erase(best);
  }
  return 0;
}
