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
        {"ariws_abi_version", &library->abi_version},
        {"ariws_version", &library->version},
        {"ariws_result_text", &library->result_text},
        {"ariws_load", &library->load},
        {"ariws_reload", &library->reload},
        {"ariws_unload", &library->unload},
        {"ariws_stasis_start", &library->stasis_start},
        {"ariws_stasis_start_async", &library->stasis_start_async},
        {"ariws_stasis_cancel", &library->stasis_cancel},
        {"ariws_stasis_end", &library->stasis_end},
        {"ariws_event", &library->event},
        {"ariws_request_complete", &library->request_complete},
        {"ariws_inbound_opened", &library->inbound_opened},
        {"ariws_inbound_closed", &library->inbound_closed},
        {"ariws_cli_commands", &library->cli_commands},
        {"ariws_cli_execute", &library->cli_execute},
        {"ariws_cli_complete", &library->cli_complete},
        {"ariws_metrics", &library->metrics},
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
