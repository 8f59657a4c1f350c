/*
 * The console: the table of commands, finding them, completing them.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "console.h"

#include "channel.h"
#include "minipbx.h"
#include "terminal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAXIMUM_WORDS 32

static bool run_help(struct pbx *pbx, char **words, size_t count);
static bool run_quit(struct pbx *pbx, char **words, size_t count);
static bool run_complete(struct pbx *pbx, char **words, size_t count);

static const struct console_command commands[] = {
    {"calls", "<count> <at once> <extension@context> [digits [per second]]", "Place many calls and tell how they went",
     3, 5, console_load},
    {"complete", "<line>", "Show how the line could go on", 0, 1, run_complete},
    {"dial", "<extension@context> [digits]", "Place a call; its phone presses the digits", 1, 2, console_dial},
    {"dtmf", "<channel> <digits>", "Press digits on the phone of a call", 2, 2, console_dtmf},
    {"events", "<application> <count> [per second]", "Send numbered user events to an application", 2, 3,
     console_events},
    {"hangup", "<channel>|all", "Hang up", 1, 1, console_hangup},
    {"help", "", "Show this list", 0, 0, run_help},
    {"inbound close", "<id>", "An application closed its websocket", 1, 1, console_inbound_close},
    {"inbound open", "<id> <address:port> <apps>", "An application opened a websocket to minipbx", 3, 3,
     console_inbound_open},
    {"metrics", "", "Show the library's metrics", 0, 0, console_metrics},
    {"quit", "", "Hang up all, unload the library, end", 0, 0, run_quit},
    {"reload", "", "Read the library's configuration again", 0, 0, console_reload},
    {"show applications", "", "List the Stasis applications", 0, 0, console_show_applications},
    {"show channels", "", "List the channels", 0, 0, console_show_channels},
    {"show connection", "<id>", "Show how an outbound websocket is doing", 1, 1, console_show_connection},
    {"show dialplan", "[context]", "Show the dialplan", 0, 1, console_show_dialplan},
    {"wait calls", "[ms]", "Wait until no channel is left", 0, 1, console_wait_calls},
    {"wait registered", "<app> [ms]", "Wait until the application is registered", 1, 2, console_wait_registered},
    {"wait session", "<id> up|down|gone [ms]", "Wait for a state of a websocket session", 2, 3, console_wait_session},
    {"wait stasis", "<count> [ms]", "Wait until so many channels are in Stasis", 1, 2, console_wait_stasis},
    {"wait time", "<ms>", "Let the time pass", 1, 1, console_wait_time},
    {"wait unregistered", "<app> [ms]", "Wait until the application is not registered", 1, 2,
     console_wait_unregistered},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static bool quit_given;

bool console_done(void)
{
    return quit_given;
}

bool console_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("failed: ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    return false;
}

static bool run_help(struct pbx *pbx, char **words, size_t count)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        struct text text = {0};
        text_format(&text, "%s %s", commands[i].words, commands[i].arguments);
        printf("%-52s %s\n", text_string(&text), commands[i].summary);
        text_free(&text);
    }
    console_library_help(pbx);
    return true;
}

static bool run_quit(struct pbx *pbx, char **words, size_t count)
{
    quit_given = true;
    return true;
}

/* The line itself is looked at in console_execute: here its words are cut already. */
static bool run_complete(struct pbx *pbx, char **words, size_t count)
{
    struct text completions = {0};
    console_complete(pbx, count == 0 ? "" : words[0], &completions);
    printf("%s", text_string(&completions));
    text_free(&completions);
    return true;
}

/* How many of `words` are the command's own words; 0 if they are not. */
static size_t match(const char *own, char **words, size_t count)
{
    size_t matched = 0;
    while (*own != '\0') {
        size_t length = strcspn(own, " ");
        if (matched == count || strlen(words[matched]) != length || !starts_ignoring_case(own, words[matched])) {
            return 0;
        }
        matched++;
        own += length;
        own += *own == ' ' ? 1 : 0;
    }
    return matched;
}

static bool execute_words(struct pbx *pbx, char **words, size_t count)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        size_t own = match(commands[i].words, words, count);
        if (own == 0) {
            continue;
        }
        size_t rest = count - own;
        if (rest < commands[i].minimum || rest > commands[i].maximum) {
            return console_fail("usage: %s %s", commands[i].words, commands[i].arguments);
        }
        return commands[i].run(pbx, words + own, rest);
    }
    if (console_library_has(pbx, words[0])) {
        return console_library_execute(pbx, words, count);
    }
    return console_fail("no command \"%s\"; help lists them", words[0]);
}

bool console_execute(struct pbx *pbx, const char *line)
{
    char *copy = copy_string(line);
    char *rest = copy;
    char *words[MAXIMUM_WORDS];
    size_t length = strlen(copy);
    bool good = true;
    /* "complete" takes the rest of the line as it is: a blank at its end says that the next word begins. */
    while (*rest == ' ') {
        rest++;
    }
    if (starts_ignoring_case(rest, "complete ")) {
        words[0] = rest + strlen("complete ");
        good = run_complete(pbx, words, 1);
    } else if (length > 0 && copy[length - 1] == '?') {
        copy[length - 1] = '\0';
        words[0] = copy;
        good = run_complete(pbx, words, 1);
    } else {
        size_t count = split_words(copy, words, MAXIMUM_WORDS);
        good = count == 0 || execute_words(pbx, words, count);
    }
    free(copy);
    fflush(stdout);
    return good;
}

void console_interactive(struct pbx *pbx)
{
    while (!quit_given) {
        char *line = terminal_read_line(pbx, "minipbx> ");
        if (line == NULL) {
            break;
        }
        console_execute(pbx, line);
        free(line);
    }
}

/* Adds a candidate once. */
static void add_candidate(struct text *completions, const char *candidate, size_t length)
{
    const char *at = text_string(completions);
    while (*at != '\0') {
        size_t line = strcspn(at, "\n");
        if (line == length && memcmp(at, candidate, length) == 0) {
            return;
        }
        at += line + 1;
    }
    text_append(completions, candidate, length);
    text_add(completions, "\n");
}

/* The word of the command that comes next, if what was typed so far leads there. */
static void complete_own(const struct console_command *command, char **words, size_t count, const char *prefix,
                         struct text *completions)
{
    const char *own = command->words;
    for (size_t i = 0; i < count; i++) {
        size_t length = strcspn(own, " ");
        if (length == 0 || strlen(words[i]) != length || !starts_ignoring_case(own, words[i])) {
            return;
        }
        own += length;
        own += *own == ' ' ? 1 : 0;
    }
    if (*own != '\0' && starts_ignoring_case(own, prefix)) {
        add_candidate(completions, own, strcspn(own, " "));
    }
}

/* Names of channels, of which three commands want one. */
static void complete_channels(struct pbx *pbx, const char *prefix, struct text *completions)
{
    pthread_mutex_lock(&pbx->lock);
    for (const struct channel *channel = pbx->channels; channel != NULL; channel = channel->next) {
        if (starts_ignoring_case(channel->name, prefix)) {
            add_candidate(completions, channel->name, strlen(channel->name));
        }
    }
    pthread_mutex_unlock(&pbx->lock);
}

void console_complete(struct pbx *pbx, const char *line, struct text *completions)
{
    char *copy = copy_string(line);
    char *words[MAXIMUM_WORDS + 1];
    size_t length = strlen(line);
    size_t count = split_words(copy, words, MAXIMUM_WORDS);
    const char *prefix = "";
    if (count > 0 && length > 0 && line[length - 1] != ' ') {
        prefix = words[--count];
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        complete_own(&commands[i], words, count, prefix, completions);
    }
    if (count == 1 && (equal_ignoring_case(words[0], "hangup") || equal_ignoring_case(words[0], "dtmf"))) {
        complete_channels(pbx, prefix, completions);
    }
    console_library_complete(pbx, words, count, prefix, completions);
    free(copy);
}
