/* A seven as examples/digits/digit_7.pgm has it, in ten shades: what a program can classify that opens no file. */
#pragma once

enum { SEVEN_PIXELS = 256 };
static const char kSeven[SEVEN_PIXELS + 1] =
    "   .=*%@@*:     "
    "   :+##%%*:     "
    "  .-*#**%#-     "
    "  .-+*=+%#-     "
    "   .:--=##: ..  "
    "    ..-+%#=:-:. "
    "    .:=*%%#**=. "
    "   .:=*#%%%#*=. "
    "   .=*%%#**+-:. "
    "   .=#%%*=-:..  "
    "   .-+%#-...    "
    "   .-+%#:       "
    "   .-+#*:       "
    "   .-+#*:       "
    "   :+*#+:       "
    "   :+#*+:       ";

/* 0 to 1. */
static float seven_pixel(int pixel) {
  static const char kShades[] = " .:-=+*#%@";
  int shade = 0;
  while (kShades[shade] != kSeven[pixel]) ++shade;
  return (float)shade / 9;
}
