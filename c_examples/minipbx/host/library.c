/*
 * libariws.so, loaded at run time: a PBX that loads it with dlopen runs without it, and can be compiled where it is not
 * installed.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "host.h"

#include <dlfcn.h>
#include <string.h>

/* Where the address of a function goes, and the name to look up. */
struct symbol {
    const char *name;
    void *where;
};

/* POSIX lets dlsym return functions as `void *`; ISO C has no cast between the two, so the bytes are copied. */
static bool find_symbol(const struct host *host, const struct symbol *symbol)
{
    void *address = dlsym(host->library.handle, symbol->name);
    if (address == NULL) {
        host_log(host, ARIWS_LOG_ERROR, "", "the library has no %s", symbol->name);
        return false;
    }
    memcpy(symbol->where, &address, sizeof address);
    return true;
}

bool host_open(struct host *host, struct pbx *pbx, const char *path)
{
    struct library *library = &host->library;
    *host = (struct host){
        .pbx = pbx,
        .events = {.lock = PTHREAD_MUTEX_INITIALIZER,
                   .filled = PTHREAD_COND_INITIALIZER,
                   .emptied = PTHREAD_COND_INITIALIZER},
    };
    /* RTLD_NOW: a library that lacks something fails here and not in the middle of a call. RTLD_LOCAL: its symbols
       concern nobody else. */
    library->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library->handle == NULL) {
        host_log(host, ARIWS_LOG_ERROR, "", "cannot load the library: %s", dlerror());
        return false;
    }
    const struct symbol symbols[] = {
#define SYMBOL(name) {"ariws_" #name, &library->name},
        ARIWS_FUNCTIONS(SYMBOL)
#undef SYMBOL
    };
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        if (!find_symbol(host, &symbols[i])) {
            goto failed;
        }
    }
    /* The macro is from the header that this was compiled with, the function from the library that is here now. */
    if (library->abi_version() != ARIWS_ABI_VERSION) {
        host_log(host, ARIWS_LOG_ERROR, "", "the library has ABI version %u, this host was compiled for %u",
                 (unsigned int)library->abi_version(), (unsigned int)ARIWS_ABI_VERSION);
        goto failed;
    }
    return true;

failed:
    host_close(host);
    return false;
}

void host_close(struct host *host)
{
    if (host->library.handle != NULL) {
        dlclose(host->library.handle);
        host->library.handle = NULL;
    }
}
