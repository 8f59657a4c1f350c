/*
 * Console: what is the library's.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A PBX with a command line of its own registers the library's commands there once, from ariws_cli_commands; the
 * three functions below are all it needs for them.
 */
#include "console.h"

#include "minipbx.h"

#include <stdio.h>
#include <string.h>

/* ariws_write_callback */
static void write_to_stdout(void *data, const char *text, size_t length)
{
    fwrite(text, 1, length, stdout);
}

static void write_to_text(void *data, const char *text, size_t length)
{
    text_append(data, text, length);
}

/* Each candidate in a call of its own. */
static void write_candidate(void *data, const char *text, size_t length)
{
    text_append(data, text, length);
    text_add(data, "\n");
}

struct report_counts {
    size_t entries;
    size_t refused;
};

/* The message has everything in it; kind, file and line are for hosts that build something of their own from them. */
static void print_entry(void *data, const ariws_report_entry *entry)
{
    struct report_counts *counts = data;
    counts->entries++;
    counts->refused += entry->kind == ARIWS_REPORT_REFUSED ? 1 : 0;
    printf("%s: %s\n", entry->object, entry->message);
}

bool console_reload(struct pbx *pbx, char **words, size_t count)
{
    char message[512] = "";
    struct report_counts counts = {0, 0};
    int32_t result = pbx->host.library.reload(pbx->host.instance, print_entry, &counts, message, sizeof message);
    if (result != ARIWS_OK) {
        return console_fail("%s: %s", pbx->host.library.result_text(result), message);
    }
    printf("%zu entries, %zu refused\n", counts.entries, counts.refused);
    return true;
}

bool console_metrics(struct pbx *pbx, char **words, size_t count)
{
    int32_t result = pbx->host.library.metrics(pbx->host.instance, write_to_stdout, NULL);
    return result == ARIWS_OK || console_fail("%s", pbx->host.library.result_text(result));
}

bool console_show_connection(struct pbx *pbx, char **words, size_t count)
{
    static const char *const items[] = {"state", "since", "server", "queued", "dropped"};
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        struct text value = {0};
        int32_t result =
            pbx->host.library.connection_value(pbx->host.instance, words[0], items[i], write_to_text, &value);
        if (result != ARIWS_OK) {
            return console_fail("%s: %s", words[0], pbx->host.library.result_text(result));
        }
        printf("%s: %s\n", items[i], text_string(&value));
        text_free(&value);
    }
    return true;
}

bool console_inbound_open(struct pbx *pbx, char **words, size_t count)
{
    return inbound_open(pbx, words[0], words[1], words[2]) || console_fail("the library refused the session");
}

bool console_inbound_close(struct pbx *pbx, char **words, size_t count)
{
    return inbound_close(pbx, words[0]) || console_fail("no inbound session %s", words[0]);
}

static bool next_command(struct pbx *pbx, size_t index, ariws_cli_command *command)
{
    const ariws_cli_command empty = ARIWS_CLI_COMMAND_INIT;
    *command = empty;
    return pbx->host.library.cli_commands(index, command) == ARIWS_OK;
}

bool console_library_has(struct pbx *pbx, const char *first_word)
{
    ariws_cli_command command;
    for (size_t i = 0; next_command(pbx, i, &command); i++) {
        size_t length = strcspn(command.words, " ");
        if (strlen(first_word) == length && starts_ignoring_case(command.words, first_word)) {
            return true;
        }
    }
    return false;
}

bool console_library_execute(struct pbx *pbx, char **words, size_t count)
{
    int32_t result =
        pbx->host.library.cli_execute(pbx->host.instance, (const char *const *)words, count, write_to_stdout, NULL);
    return result == ARIWS_OK || console_fail("%s", pbx->host.library.result_text(result));
}

void console_library_help(struct pbx *pbx)
{
    ariws_cli_command command;
    for (size_t i = 0; next_command(pbx, i, &command); i++) {
        struct text text = {0};
        text_format(&text, "%s %s", command.words, command.arguments);
        printf("%-52s %s\n", text_string(&text), command.summary);
        text_free(&text);
    }
}

void console_library_complete(struct pbx *pbx, char **words, size_t count, const char *prefix, struct text *completions)
{
    pbx->host.library.cli_complete(pbx->host.instance, (const char *const *)words, count, prefix, write_candidate,
                                   completions);
}

int32_t console_library_output(struct pbx *pbx, const char *const *words, size_t count, struct text *output)
{
    return pbx->host.library.cli_execute(pbx->host.instance, words, count, write_to_text, output);
}
