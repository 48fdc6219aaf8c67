/* Classifies an image with a compiled model, in C: what an inference app is made of. Needs libsparsmith_runtime only.
 *   classify MODEL.smk IMAGE.pgm|IMAGE.ppm [--mean M|R,G,B] [--scale S] [--bgr] [--top N]
 * The model sees (pixel - mean) * scale as NCHW; pixels are 0 to 255, the defaults 0 and 1/255. Prints the N best
 * classes. */
#include <sparsmith/c_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIDE 16384

typedef struct {
  const char *model, *image;
  float mean[3], scale;
  int bgr;
  size_t top;
} options_t;

typedef struct {
  int channels, height, width;
  size_t size;
  unsigned char* pixels; /* [height][width][channels] */
} image_t;

static void give_usage(void) {
  fprintf(stderr, "usage: classify MODEL.smk IMAGE.pgm|IMAGE.ppm [--mean M|R,G,B] [--scale S] [--bgr] [--top N]\n");
  exit(2);
}

static void give_up(const char* what, const char* why) {
  fprintf(stderr, "%s%s\n", what, why);
  exit(1);
}

/* Every call that can fail returns a status; the message says what is wrong and what would be right. */
static void check(sparsmith_status status) {
  if (status == SPARSMITH_OK) return;
  fprintf(stderr, "%s\n%s\n", sparsmith_last_error(), sparsmith_last_hint());
  exit(1);
}

static void* allocate(size_t count, size_t size) {
  void* const memory = calloc(count > 0 ? count : 1, size);
  if (memory == NULL) give_up("no memory", "");
  return memory;
}

static options_t options_of(int argc, char** argv) {
  options_t options = {NULL, NULL, {0, 0, 0}, 1 / 255.0f, 0, 5};
  float* const mean = options.mean;
  int i;
  if (argc < 3) give_usage();
  options.model = argv[1];
  options.image = argv[2];
  for (i = 3; i < argc; ++i) {
    const char* const name = argv[i];
    char end;
    if (strcmp(name, "--bgr") == 0) {
      options.bgr = 1;
      continue;
    }
    if (++i == argc) give_usage();
    if (strcmp(name, "--mean") == 0 && sscanf(argv[i], "%f,%f,%f%c", mean, mean + 1, mean + 2, &end) == 3) continue;
    if (strcmp(name, "--mean") == 0 && sscanf(argv[i], "%f%c", mean, &end) == 1) {
      mean[1] = mean[2] = mean[0];
      continue;
    }
    if (strcmp(name, "--scale") == 0 && sscanf(argv[i], "%f%c", &options.scale, &end) == 1) continue;
    if (strcmp(name, "--top") == 0 && sscanf(argv[i], "%zu%c", &options.top, &end) == 1) continue;
    give_usage();
  }
  return options;
}

/* The next number of a header, where a comment goes from # to the line's end. */
static int header_number(FILE* file) {
  int number = -1, c;
  while (fscanf(file, " %1[#]", (char[2]){0}) == 1) {
    do c = getc(file);
    while (c != '\n' && c != EOF);
  }
  return fscanf(file, "%d", &number) == 1 ? number : -1;
}

/* A binary PGM (P5) or PPM (P6) with 8 bits a sample. */
static image_t read_image(const char* path) {
  image_t image = {0, 0, 0, 0, NULL};
  char magic[2] = {0, 0};
  int most;
  FILE* const file = fopen(path, "rb");
  if (file == NULL) give_up("can't open ", path);
  if (fread(magic, 1, 2, file) != 2 || magic[0] != 'P' || (magic[1] != '5' && magic[1] != '6')) {
    give_up(path, " is neither a binary PGM nor PPM");
  }
  image.channels = magic[1] == '6' ? 3 : 1;
  image.width = header_number(file);
  image.height = header_number(file);
  most = header_number(file);
  if (image.width < 1 || image.width > MAX_SIDE || image.height < 1 || image.height > MAX_SIDE || most != 255) {
    give_up(path, ": the header needs a width and a height of 1 to 16384 and 255 as the largest sample");
  }
  getc(file); /* one white-space character, then the pixels */
  image.size = (size_t)image.channels * (size_t)image.height * (size_t)image.width;
  image.pixels = allocate(image.size, 1);
  if (fread(image.pixels, 1, image.size, file) != image.size) give_up(path, " ends within its pixels");
  fclose(file);
  return image;
}

/* What the model takes: [1, C, H, W] or, for models that see an image as one row, [1, C * H * W]. */
static sparsmith_shape input_shape(const sparsmith_tensor_info* input, const image_t* image) {
  sparsmith_shape shape = {4, {1, image->channels, image->height, image->width}};
  int fits, i;
  if (input->shape.rank == 2) {
    shape.rank = 2;
    shape.sizes[1] = (int64_t)image->size;
  }
  fits = input->element == SPARSMITH_FLOAT32 && input->shape.rank == shape.rank;
  for (i = 0; fits && i < shape.rank; ++i) {
    fits = input->shape.sizes[i] == -1 || input->shape.sizes[i] == shape.sizes[i];
  }
  if (fits) return shape;
  fprintf(stderr, "the model takes %s [", input->element == SPARSMITH_FLOAT32 ? "float32" : "another type");
  for (i = 0; i < input->shape.rank; ++i) fprintf(stderr, "%s%ld", i == 0 ? "" : ", ", (long)input->shape.sizes[i]);
  fprintf(stderr, "], the image is [1, %d, %d, %d]\n", image->channels, image->height, image->width);
  exit(1);
}

static float* input_of(const image_t* image, const options_t* options) {
  float* const planes = allocate(image->size, sizeof(float));
  const size_t channels = (size_t)image->channels;
  size_t c, i, next = 0;
  for (c = 0; c < channels; ++c) {
    const size_t from = options->bgr ? channels - 1 - c : c;
    for (i = from; i < image->size; i += channels) {
      planes[next++] = ((float)image->pixels[i] - options->mean[from]) * options->scale;
    }
  }
  return planes;
}

static size_t elements_of(const sparsmith_shape* shape) {
  size_t elements = 1;
  int i;
  for (i = 0; i < shape->rank; ++i) elements *= (size_t)shape->sizes[i];
  return elements;
}

static void print_best(const float* scores, size_t classes, size_t top) {
  char* const printed = allocate(classes, 1);
  size_t place, i;
  for (place = 0; place < top && place < classes; ++place) {
    size_t best = classes;
    for (i = 0; i < classes; ++i) {
      if (!printed[i] && (best == classes || scores[i] > scores[best])) best = i;
    }
    printed[best] = 1;
    printf("%zu. class %zu: %.4f\n", place + 1, best, scores[best]);
  }
  free(printed);
}

int main(int argc, char** argv) {
  const options_t options = options_of(argc, argv);
  sparsmith_model* model = NULL;
  const sparsmith_tensor_info *infos, *output_infos;
  size_t input_count, output_count, i;
  image_t image;
  sparsmith_input input;
  sparsmith_shape* shapes;
  float* x;
  void** outputs;

  check(sparsmith_model_load(options.model, &model));
  check(sparsmith_model_inputs(model, &infos, &input_count));
  check(sparsmith_model_outputs(model, &output_infos, &output_count));
  if (input_count != 1) give_up("the model has several inputs; an image is one", "");
  if (output_infos[0].element != SPARSMITH_FLOAT32) give_up("the model's first output is no score", "");
  image = read_image(options.image);
  x = input_of(&image, &options);
  input.data = x;
  input.shape = input_shape(&infos[0], &image);

  /* A buffer for each output; their sizes follow from the input's. */
  shapes = allocate(output_count, sizeof *shapes);
  outputs = allocate(output_count, sizeof *outputs);
  check(sparsmith_model_output_shapes(model, &input.shape, 1, shapes, output_count));
  for (i = 0; i < output_count; ++i) {
    outputs[i] = allocate(elements_of(&shapes[i]), sparsmith_element_size(output_infos[i].element));
  }
  check(sparsmith_model_run(model, &input, 1, outputs, output_count, 1));
  print_best(outputs[0], elements_of(&shapes[0]), options.top);

  for (i = 0; i < output_count; ++i) free(outputs[i]);
  free(outputs);
  free(shapes);
  free(x);
  free(image.pixels);
  sparsmith_model_free(model);
  return 0;
}
