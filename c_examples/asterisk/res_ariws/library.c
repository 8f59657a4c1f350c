/*
 * libariws, loaded at run time: beside the module, or where the system has it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

#include <dlfcn.h>

#include "asterisk/paths.h"

#define LIBRARY "libariws.so.0"

/* Opened once: it stays mapped anyway, and threads of Asterisk's may still be on their way to it when the module is
   unloaded. */
struct library library;

ariws_instance *instance;

static void library_close(void)
{
    if (library.handle) {
        dlclose(library.handle);
    }
    memset(&library, 0, sizeof(library));
}

int library_open(void)
{
    char path[PATH_MAX];
    char *missing = NULL;

    if (library.handle) {
        return 0;
    }
    /* Beside the module first, so that an Asterisk can have a library of its own. */
    snprintf(path, sizeof(path), "%s/" LIBRARY, ast_config_AST_MODULE_DIR);
    library.handle = dlopen(access(path, R_OK) ? LIBRARY : path, RTLD_NOW | RTLD_LOCAL);
    if (!library.handle) {
        ast_log(LOG_ERROR,
                "%s. Install " LIBRARY " where the system's loader finds it and run ldconfig, or copy it to %s.\n",
                dlerror(), ast_config_AST_MODULE_DIR);
        return -1;
    }
#define FIND(name)                                                                 \
    library.name = (ariws_##name##_function)dlsym(library.handle, "ariws_" #name); \
    if (!library.name) {                                                           \
        missing = "ariws_" #name;                                                  \
    }
    ARIWS_FUNCTIONS(FIND)
    if (missing) {
        ast_log(LOG_ERROR,
                LIBRARY " has no function %s. Install the version that this module was built with, " ARIWS_VERSION
                        ", or a newer one.\n",
                missing);
        library_close();
        return -1;
    }
    if (library.abi_version() != ARIWS_ABI_VERSION) {
        ast_log(LOG_ERROR,
                LIBRARY " %s has ABI version %u and this module needs %u. Build the module again with the header "
                        "of the installed library.\n",
                library.version(), library.abi_version(), (unsigned int)ARIWS_ABI_VERSION);
        library_close();
        return -1;
    }
    return 0;
}

void take_text(void *data, const char *text, size_t length)
{
    struct ast_str **output = data;

    ast_str_append(output, 0, "%.*s", (int)length, text);
}
