/*
 * libariws.so, loaded at run time.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A PBX that loads the library with dlopen runs without it, and can be compiled where it is not installed. One that
 * links with -lariws needs nothing of this file.
 */
#ifndef MINIPBX_LIBRARY_H
#define MINIPBX_LIBRARY_H

#include "ariws.h"

#include <stdbool.h>

/* Every function of the library, by its name without `ariws_`. */
struct library {
    void *handle;
#define DECLARE(name) ariws_##name##_function name;
    ARIWS_FUNCTIONS(DECLARE)
#undef DECLARE
};

/* False if the file cannot be loaded, lacks a function, or has another ABI version; the reason is in the log. */
bool library_open(struct library *library, const char *path);
void library_close(struct library *library);

#endif
