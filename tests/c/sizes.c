/*
 * A host that was compiled against an older and a newer header than the library's: each structure is given in a block
 * of exactly its size, so that AddressSanitizer and valgrind see any access beyond it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Usage: sizes LIBRARY CONFIG_DIRECTORY
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ariws.h"

struct library {
    void *handle;
#define DECLARE(name) ariws_##name##_function name;
    ARIWS_FUNCTIONS(DECLARE)
#undef DECLARE
};

static int finalized;

static void on_log(void *userdata, int32_t level, const char *subject, const char *message)
{
    (void)userdata;
    (void)level;
    (void)subject;
    (void)message;
}

static void on_request(void *userdata, const ariws_request *request)
{
    (void)userdata;
    (void)request;
}

static int32_t on_register(void *userdata, const char *app, int32_t subscribe_all)
{
    (void)userdata;
    (void)app;
    (void)subscribe_all;
    return ARIWS_APP_REGISTERED;
}

static void on_text(void *userdata, const char *text)
{
    (void)userdata;
    (void)text;
}

static int32_t on_question(void *userdata, const char *text)
{
    (void)userdata;
    (void)text;
    return 0;
}

static int32_t on_context(void *userdata, const char *context, const char *app)
{
    (void)userdata;
    (void)context;
    (void)app;
    return ARIWS_CONTEXT_CREATED;
}

static void on_failed(void *userdata, const char *channel_id, const char *application)
{
    (void)userdata;
    (void)channel_id;
    (void)application;
}

static void on_finalize(void *userdata)
{
    (void)userdata;
    finalized++;
}

/* A block of `size` bytes that begins like `source` and says its size; bytes that the source does not have are
   garbage. */
static void *resized(const void *source, size_t source_size, size_t size)
{
    unsigned char *block = malloc(size);
    if (block == NULL) {
        return NULL;
    }
    memset(block, 0xa5, size);
    memcpy(block, source, size < source_size ? size : source_size);
    memcpy(block, &size, sizeof size);
    return block;
}

static bool expect(const char *what, long expected, long found)
{
    if (expected == found) {
        return true;
    }
    fprintf(stderr, "%s: expected %ld, found %ld\n", what, expected, found);
    return false;
}

/* Loads and unloads with structures of the given sizes. */
static bool loads(const struct library *library, const char *directory, size_t host_size, size_t options_size,
                  int32_t expected, int expected_finalized)
{
    bool good = false;
    ariws_instance *instance = NULL;
    char message[256] = "";
    ariws_host host = ARIWS_HOST_INIT;
    host.log = on_log;
    host.ari_request = on_request;
    host.app_register = on_register;
    host.app_unregister = on_text;
    host.app_is_registered = on_question;
    host.context_create = on_context;
    host.context_destroy = on_text;
    host.stasis_failed = on_failed;
    host.finalize = on_finalize;
    ariws_options options = ARIWS_OPTIONS_INIT;
    options.config_directory = directory;
    options.asterisk_id = "id";
    options.product = "sizes/1.0";
    ariws_host *sized_host = resized(&host, sizeof host, host_size);
    ariws_options *sized_options = resized(&options, sizeof options, options_size);
    if (sized_host == NULL || sized_options == NULL) {
        goto cleanup;
    }
    finalized = 0;
    int32_t result = library->load(sized_host, sized_options, NULL, NULL, &instance, message, sizeof message);
    if (result != expected) {
        fprintf(stderr, "load with sizes %zu and %zu: %d (%s), expected %d\n", host_size, options_size, (int)result,
                message, (int)expected);
        goto cleanup;
    }
    if (result == ARIWS_OK && !expect("unload", ARIWS_OK, library->unload(instance, 100))) {
        goto cleanup;
    }
    good = expect("calls of finalize", expected_finalized, finalized);

cleanup:
    free(sized_host);
    free(sized_options);
    return good;
}

/* Fills a structure of the given size; what lies beyond the library's must stay as it was. */
static bool fills(const struct library *library, size_t size)
{
    const ariws_cli_command empty = ARIWS_CLI_COMMAND_INIT;
    ariws_cli_command *command = resized(&empty, sizeof empty, size);
    if (command == NULL) {
        return false;
    }
    bool good = expect("commands", ARIWS_OK, library->cli_commands(0, command)) &&
                expect("struct_size", (long)size, (long)command->struct_size) &&
                expect("words", 0, strncmp(command->words, "ari ", 4));
    for (size_t beyond = sizeof empty; good && beyond < size; beyond++) {
        good = expect("a byte beyond the structure", 0xa5, ((unsigned char *)command)[beyond]);
    }
    free(command);
    return good;
}

/* A structure that ends within a pointer: no part of that is written. */
static bool fills_whole_fields(const struct library *library, size_t size, size_t fields, int32_t expected)
{
    const ariws_cli_command empty = ARIWS_CLI_COMMAND_INIT;
    ariws_cli_command *command = resized(&empty, sizeof empty, size);
    if (command == NULL) {
        return false;
    }
    memset((unsigned char *)command + sizeof(size_t), 0xa5, size - sizeof(size_t));
    bool good = expect("commands", expected, library->cli_commands(0, command));
    for (size_t i = fields; good && i < size; i++) {
        good = expect("a byte of a part of a pointer", 0xa5, ((unsigned char *)command)[i]);
    }
    free(command);
    return good;
}

/* ISO C has no cast from an object pointer to a function pointer, POSIX promises that the copy works. */
static bool find(void *handle, const char *name, void *function)
{
    void *symbol = dlsym(handle, name);
    memcpy(function, &symbol, sizeof symbol);
    if (symbol == NULL) {
        fprintf(stderr, "%s\n", dlerror());
    }
    return symbol != NULL;
}

int main(int count, char **words)
{
    struct library library;
    if (count != 3) {
        fprintf(stderr, "usage: sizes LIBRARY CONFIG_DIRECTORY\n");
        return 2;
    }
    library.handle = dlopen(words[1], RTLD_NOW | RTLD_LOCAL);
    if (library.handle == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    bool found = true;
#define FIND(name) found = find(library.handle, "ariws_" #name, &library.name) && found;
    ARIWS_FUNCTIONS(FIND)
    if (!found || !expect("the version of the ABI", ARIWS_ABI_VERSION, (long)library.abi_version())) {
        return 1;
    }
    const size_t host = sizeof(ariws_host);
    const size_t options = sizeof(ariws_options);
    const size_t oldest_host = offsetof(ariws_host, inbound_shutdown);
    const size_t oldest_options = offsetof(ariws_options, product);
    bool good = loads(&library, words[2], host, options, ARIWS_OK, 1) &&
                /* An older host: what it does not have counts as absent, finalize too. */
                loads(&library, words[2], oldest_host, oldest_options, ARIWS_OK, 0) &&
                /* A newer one: what the library does not know is ignored. */
                loads(&library, words[2], host + 64, options + 64, ARIWS_OK, 1) &&
                /* One that forgot the initializer. */
                loads(&library, words[2], oldest_host - 1, options, ARIWS_ERROR_ARGUMENT, 0) &&
                loads(&library, words[2], host, sizeof(size_t), ARIWS_ERROR_ARGUMENT, 0) &&
                fills(&library, sizeof(ariws_cli_command)) && fills(&library, offsetof(ariws_cli_command, arguments)) &&
                fills(&library, sizeof(ariws_cli_command) + 64);
    /* Sizes that end within a pointer: `product`, of which there would be a part. */
    for (size_t part = 1; good && part < sizeof(char *); part++) {
        good = loads(&library, words[2], host, oldest_options + part, ARIWS_OK, 1) &&
               fills_whole_fields(&library, sizeof(size_t) + part, sizeof(size_t), ARIWS_ERROR_ARGUMENT) &&
               fills_whole_fields(&library, offsetof(ariws_cli_command, arguments) + part,
                                  offsetof(ariws_cli_command, arguments), ARIWS_OK);
    }
    return good ? 0 : 1;
}
