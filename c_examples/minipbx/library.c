/*
 * libariws.so, loaded at run time.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "library.h"

#include "log.h"

#include <dlfcn.h>
#include <string.h>

/* Where the address of a function goes, and the name to look up. */
struct symbol {
    const char *name;
    void *where;
};

/* POSIX lets dlsym return functions as `void *`; ISO C has no cast between the two, so the bytes are copied. */
static bool find_symbol(void *handle, const struct symbol *symbol)
{
    void *address = dlsym(handle, symbol->name);
    if (address == NULL) {
        log_line(ARIWS_LOG_ERROR, "", "the library has no %s", symbol->name);
        return false;
    }
    memcpy(symbol->where, &address, sizeof address);
    return true;
}

bool library_open(struct library *library, const char *path)
{
    memset(library, 0, sizeof *library);
    /* RTLD_NOW: a library that lacks something fails here and not in the middle of a call. RTLD_LOCAL: its symbols
       concern nobody else. */
    library->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library->handle == NULL) {
        log_line(ARIWS_LOG_ERROR, "", "cannot load the library: %s", dlerror());
        return false;
    }
    const struct symbol symbols[] = {
#define SYMBOL(name) {"ariws_" #name, &library->name},
        ARIWS_FUNCTIONS(SYMBOL)
#undef SYMBOL
    };
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        if (!find_symbol(library->handle, &symbols[i])) {
            goto failed;
        }
    }
    /* The macro is from the header that minipbx was compiled with, the function from the library that is here now. */
    if (library->abi_version() != ARIWS_ABI_VERSION) {
        log_line(ARIWS_LOG_ERROR, "", "the library has ABI version %u, minipbx was compiled for %u",
                 (unsigned int)library->abi_version(), (unsigned int)ARIWS_ABI_VERSION);
        goto failed;
    }
    return true;

failed:
    library_close(library);
    return false;
}

void library_close(struct library *library)
{
    if (library->handle != NULL) {
        dlclose(library->handle);
        library->handle = NULL;
    }
}
